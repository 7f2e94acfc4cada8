"""The V2 protocol (Open Inference): tensors in JSON or in bytes behind it."""

import dataclasses
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from .batching import Outputs
from .bodies import Body, parse_json
from .contract import Array, Feature
from .errors import Rejection, RequestError
from .inputs import InputChecker, Inputs
from .loaded_model import Output

DATATYPES: Mapping[str, str] = {"float32": "FP32", "int64": "INT64", "string": "BYTES"}
_WIDE_TYPES = {"FP32": "<f4", "INT64": "<i8"}


class Tensor(NamedTuple):
    """An input of a request.

    Args:
        name: string.
        datatype: string, such as `"FP32"`.
        shape: sequence of int.
        data: list of values, or bytes.
    """

    name: str
    datatype: str
    shape: Sequence[int]
    data: list[Any] | bytes


@dataclasses.dataclass(frozen=True)
class TensorRequest:
    """A request in V2, from REST or gRPC.

    Args:
        id: string; empty where the client gives none.
        tensors: list of `Tensor`.
        outputs: dict of the outputs asked for, and whether in bytes; empty for all of them.
        binary: bool. Whether outputs come in bytes where `outputs` does not say.
        nan_is_missing: bool. Whether a NaN in an optional feature is a missing value: bytes have no null.
    """

    id: str
    tensors: Sequence[Tensor]
    outputs: Mapping[str, bool | None]
    binary: bool
    nan_is_missing: bool


def read_body(
    body: Body, json_length: str | None, charset: str | None, max_values: int, max_value_bytes: int
) -> TensorRequest:
    """Returns the request of a REST body.

    Args:
        body: bytes or bytearray.
        json_length: string. The header `Inference-Header-Content-Length`; None where there is none.
        charset: string. The charset that the client names; None for UTF-8.
        max_values: int. The most values that the JSON may hold.
        max_value_bytes: int. The most bytes that one of them may have.

    Raises:
        RequestError: if it does not fit the protocol.
    """
    length = _json_length(body, json_length)
    payload = parse_json(body if length == len(body) else body[:length], charset, max_values, max_value_bytes)
    if not isinstance(payload, dict) or not isinstance(payload.get("inputs"), list):
        raise _malformed("an object with `inputs`, a list of tensors", "another body")
    tensors = []
    for entry in payload["inputs"]:
        tensor, length = _read_tensor(entry, body, length)
        tensors.append(tensor)
    if length != len(body):
        raise _malformed("as many bytes behind the JSON as the tensors say", f"{len(body) - length:,} more")
    parameters = _parameters(payload, "the request")
    identifier = payload.get("id") or ""
    if not isinstance(identifier, str):
        raise _malformed("`id` to be a string", "another value")
    return TensorRequest(
        identifier,
        tensors,
        _requested(payload.get("outputs") or []),
        parameters.get("binary_data_output") is True,
        parameters.get("nan_is_missing") is True,
    )


def read_inputs(request: TensorRequest, checker: InputChecker) -> Inputs:
    """Returns the inputs of a request.

    Raises:
        RequestError: if they do not fit the model.
    """
    columns: dict[str, Sequence[Any]] = {}
    for tensor in request.tensors:
        if tensor.name in columns:
            raise _malformed("each input once", f"{tensor.name[:40]!r} twice")
        feature = checker.feature(tensor.name)
        if feature is not None and tensor.datatype != DATATYPES[feature.dtype]:
            raise RequestError(
                Rejection.VALUES,
                f"Expected {feature.name!r} to have the datatype {DATATYPES[feature.dtype]}. "
                f"Received: {tensor.datatype[:40]!r}.",
            )
        if tensor.shape:
            checker.check_num_rows(tensor.shape[0])
        if feature is not None and feature.steps is not None:
            columns[tensor.name] = _sequences(tensor, feature, request.nan_is_missing and feature.may_hold_null)
            continue
        values = _values(tensor)
        if request.nan_is_missing and feature is not None and feature.optional:
            values = [None if value != value else value for value in values]
        columns[tensor.name] = values
    return checker.check_columns(columns)


def choose_outputs(outputs: Outputs, request: TensorRequest) -> dict[str, tuple[Array, bool]]:
    """Returns the outputs that the request asks for, and whether in bytes.

    Raises:
        RequestError: if it asks for one that the model has not.
    """
    check_outputs(request, outputs)
    binary = request.outputs or dict.fromkeys(outputs)
    return {
        name: (outputs[name], request.binary if is_binary is None else is_binary) for name, is_binary in binary.items()
    }


def check_outputs(request: TensorRequest, known: Iterable[str]) -> None:
    """Checks the names of the outputs that a request asks for.

    Raises:
        RequestError: if the model has not one of them.
    """
    known = list(known)
    for name in request.outputs:
        if name not in known:
            raise RequestError(
                Rejection.FIELDS, f"Expected the outputs to be of {', '.join(known)}. Received: {name[:40]!r}."
            )


def write_body(
    outputs: Mapping[str, tuple[Array, bool]], model_name: str, model_version: str, identifier: str
) -> tuple[bytes, int | None]:
    """Returns the body of a REST response, and the length of its JSON where bytes follow it."""
    entries, chunks = [], []
    for name, (values, is_binary) in outputs.items():
        entry: dict[str, Any] = {"name": name, "shape": values.shape, "datatype": datatype(values)}
        if is_binary:
            chunk = to_bytes(values)
            entry["parameters"] = {"binary_data_size": len(chunk)}
            chunks.append(chunk)
        else:
            entry["data"] = values.ravel() if values.dtype != np.object_ else values.ravel().tolist()
        entries.append(entry)
    content = {"model_name": model_name, "model_version": model_version, "id": identifier, "outputs": entries}
    header = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return (b"".join([header, *chunks]), len(header)) if chunks else (header, None)


def datatype(values: Array) -> str:
    """Returns the V2 datatype of an array."""
    return "BYTES" if values.dtype == np.object_ else DATATYPES[values.dtype.name]


def to_bytes(values: Array) -> bytes:
    """Returns an array as V2 lays it out: little-endian, each string behind its length in 4 bytes."""
    if values.dtype != np.object_:
        return values.astype(values.dtype.newbyteorder("<")).tobytes()
    encoded = [value.encode() for value in values.ravel()]
    return b"".join(struct.pack("<I", len(value)) + value for value in encoded)


def describe_features(features: Iterable[Feature]) -> list[dict[str, Any]]:
    """Returns the inputs of the model's metadata."""
    return [
        {"name": feature.name, "datatype": DATATYPES[feature.dtype], "shape": shape_of(feature)} for feature in features
    ]


def shape_of(feature: Feature) -> list[int]:
    """Returns the shape of a feature's tensor, -1 for the rows."""
    return [-1] if feature.steps is None else [-1, feature.steps]


def describe_outputs(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    """Returns the outputs of the model's metadata."""
    return [
        {"name": output.name, "datatype": DATATYPES[output.dtype], "shape": list(output.shape)} for output in outputs
    ]


def _json_length(body: Body, header: str | None) -> int:
    if header is None:
        return len(body)
    if not (header.isascii() and header.isdigit() and len(header) < 12 and int(header) <= len(body)):
        raise _malformed("`Inference-Header-Content-Length` to be the length of the JSON", repr(header[:40]))
    return int(header)


def _read_tensor(entry: Any, body: Body, start: int) -> tuple[Tensor, int]:
    """Returns a tensor and where the bytes of the next one begin."""
    if not isinstance(entry, dict):
        raise _malformed("each of `inputs` to be an object", "another value")
    name, kind, shape = entry.get("name"), entry.get("datatype"), entry.get("shape")
    if not isinstance(name, str) or not isinstance(kind, str):
        raise _malformed("each of `inputs` to have a `name` and a `datatype`", "one without")
    if not isinstance(shape, list) or not set(map(type, shape)) <= {int}:
        raise _malformed(f"{name[:40]!r} to have a `shape` of integers", "another value")
    size = _parameters(entry, repr(name[:40])).get("binary_data_size") if entry.get("parameters") else None
    if size is None:
        data = entry.get("data")
        if not isinstance(data, list):
            raise _malformed(f"{name[:40]!r} to have `data`, a list of values", "none")
        return Tensor(name, kind, shape, data), start
    if entry.get("data") is not None:
        raise _malformed(f"`data` or `binary_data_size` of {name[:40]!r}", "both")
    if type(size) is not int or not 0 <= size <= len(body) - start:
        raise _malformed(
            f"`binary_data_size` of {name[:40]!r} to be within the {len(body) - start:,} bytes that follow",
            "another value",
        )
    return Tensor(name, kind, shape, bytes(body[start : start + size])), start + size


def _parameters(entry: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    parameters = entry.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise _malformed(f"the `parameters` of {where} to be an object", "another value")
    return parameters


def _requested(entries: Any) -> dict[str, bool | None]:
    if not isinstance(entries, list):
        raise _malformed("`outputs` to be a list", "another value")
    requested: dict[str, bool | None] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise _malformed("each of `outputs` to be an object with a `name`", "another value")
        if entry["name"] in requested:
            raise _malformed("each output once", f"{entry['name'][:40]!r} twice")
        requested[entry["name"]] = _parameters(entry, "an output").get("binary_data")
    return requested


def _values(tensor: Tensor) -> list[Any]:
    """Returns the values of a tensor of shape `(N,)` or `(N, 1)`."""
    shape = tensor.shape
    if len(shape) not in (1, 2) or shape[0] < 0 or (len(shape) == 2 and shape[1] != 1):
        raise _malformed(f"{tensor.name[:40]!r} to have the shape [N] or [N, 1]", str(list(shape))[:40])
    values = _flat(tensor, shape[0])
    if len(values) != shape[0]:
        raise _another_number(tensor.name[:40], shape[0], len(values))
    if len(shape) == 2:
        values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
    return values


def _sequences(tensor: Tensor, feature: Feature, nan_is_missing: bool) -> list[Any]:
    """Returns the lists of a tensor of shape `(N, steps)`, its data flat or a list a row."""
    name, shape = tensor.name[:40], list(tensor.shape)
    least, most = feature.min_steps, feature.steps or 0
    if len(shape) != 2 or shape[0] < 0 or not least <= shape[1] <= most:
        expected = f"[N, {most}]" if least == most else f"[N, {least}] to [N, {most}]"
        raise RequestError(
            Rejection.VALUES, f"Expected {name!r} to have the shape {expected}. Received: {str(shape)[:40]}."
        )
    num_rows, steps = shape
    values = _flat(tensor, num_rows * steps)
    if num_rows and len(values) == num_rows and all(isinstance(row, list) for row in values):
        if any(len(row) != steps for row in values):
            raise _malformed(f"each row of {name!r} to have {steps:,} values, as its shape says", "another number")
        rows = values
    elif len(values) == num_rows * steps:
        rows = [values[start : start + steps] for start in range(0, len(values), steps)]
    else:
        raise _another_number(name, num_rows * steps, len(values))
    return [[None if value != value else value for value in row] for row in rows] if nan_is_missing else rows


def _flat(tensor: Tensor, num_values: int) -> list[Any]:
    if isinstance(tensor.data, list):
        return tensor.data
    name = tensor.name[:40]
    if tensor.datatype == "BYTES":
        return _strings(name, tensor.data, num_values)
    layout = np.dtype(_WIDE_TYPES.get(tensor.datatype, "u1"))
    if len(tensor.data) % layout.itemsize:
        raise _malformed(f"the bytes of {name!r} to be a multiple of {layout.itemsize}", f"{len(tensor.data):,}")
    if len(tensor.data) != num_values * layout.itemsize:
        raise _another_number(name, num_values, len(tensor.data) // layout.itemsize)
    values: list[Any] = np.frombuffer(tensor.data, layout).tolist()
    return values


def _strings(name: str, data: bytes, num_values: int) -> list[Any]:
    values: list[Any] = []
    start = 0
    try:
        while start < len(data):
            if len(values) == num_values:
                raise _another_number(name, num_values, "more")
            (length,) = struct.unpack_from("<I", data, start)
            start += 4 + length
            if start > len(data):
                raise struct.error
            values.append(data[start - length : start].decode())
    except struct.error:
        raise _malformed(f"each string of {name!r} behind its length in 4 bytes", "fewer bytes") from None
    except UnicodeDecodeError:
        raise _malformed(f"{name!r} to be strings in UTF-8", "other bytes") from None
    return values


def _another_number(name: str, expected: int, received: int | str) -> RequestError:
    found = received if isinstance(received, str) else f"{received:,}"
    return _malformed(f"{name!r} to have {expected:,} values, as its shape says", found)


def _malformed(expected: str, received: str) -> RequestError:
    return RequestError(Rejection.MALFORMED, f"Expected {expected}. Received: {received}.")
