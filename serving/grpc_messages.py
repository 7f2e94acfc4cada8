"""Messages of V2 over gRPC: parsed, read and written."""

from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from .batching import Outputs
from .bodies import MAX_LOOP_BYTES
from .errors import Rejection, RequestError
from .inputs import MAX_NAMED, InputChecker
from .model import ServedModel
from .v2 import Tensor, TensorRequest, choose_outputs, datatype, to_bytes

_CONTENTS = {"FP32": "fp32_contents", "INT64": "int64_contents", "BYTES": "bytes_contents"}


def parse_message(content: bytes, max_values: int) -> pb.ModelInferRequest:
    """Returns the message of a request.

    Args:
        content: bytes.
        max_values: int. The most fields that more than `MAX_LOOP_BYTES` may hold, those of messages within among them.

    Raises:
        RequestError: if it is no such message, or has more fields.
    """
    try:
        if len(content) > MAX_LOOP_BYTES and _has_more_fields(content, pb.ModelInferRequest.DESCRIPTOR, max_values):
            raise RequestError(
                Rejection.TOO_MANY_VALUES,
                f"Expected a message of at most {max_values:,} fields. Received: more. Send the rows in parts.",
            )
        return pb.ModelInferRequest.FromString(content)
    except (DecodeError, IndexError):
        raise RequestError(
            Rejection.MALFORMED, "Expected a message `inference.ModelInferRequest`. Received: other bytes."
        ) from None


def _has_more_fields(content: bytes, descriptor: Descriptor, max_fields: int) -> bool:
    """Whether a message has more fields: the parser would hold up all threads for millions of empty ones.

    Raises:
        IndexError: if it ends within a field.
    """
    waiting = [(0, len(content), descriptor)]
    num_fields = 0
    while waiting:
        position, end, descriptor = waiting.pop()
        while position < end:
            num_fields += 1
            if num_fields > max_fields:
                return True
            key, position = _varint(content, position)
            match key & 7:
                case 0:
                    _, position = _varint(content, position)
                case 1:
                    position += 8
                case 5:
                    position += 4
                case 2:
                    length, position = _varint(content, position)
                    field = descriptor.fields_by_number.get(key >> 3)
                    if field is not None and field.message_type is not None:
                        waiting.append((position, min(position + length, end), field.message_type))
                    position += length
    return False


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Returns a number and where it ends."""
    value = shift = 0
    while True:
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError


def read_request(request: pb.ModelInferRequest, checker: InputChecker) -> TensorRequest:
    """Returns the request of a message.

    Args:
        request: message.
        checker: `InputChecker`. That of the model which it is for.

    Raises:
        RequestError: if it does not fit the protocol.
    """
    max_inputs = len(checker.features) + MAX_NAMED
    if len(request.inputs) > max_inputs or len(request.outputs) > max_inputs:
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected at most {max_inputs} inputs and outputs. Received: {len(request.inputs):,} inputs, "
            f"{len(request.outputs):,} outputs.",
        )
    raw = request.raw_input_contents
    if raw and (len(raw) != len(request.inputs) or any(entry.HasField("contents") for entry in request.inputs)):
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected a raw content for each of the {len(request.inputs)} inputs, and no other. Received: {len(raw)} "
            "raw ones, or others beside them.",
        )
    outputs: dict[str, bool | None] = {output.name: None for output in request.outputs}
    if len(outputs) < len(request.outputs):
        raise RequestError(Rejection.MALFORMED, "Expected each output once. Received: one of them twice.")
    tensors = [
        Tensor(entry.name, entry.datatype, entry.shape[:3], raw[index] if raw else _contents(entry, checker.max_values))
        for index, entry in enumerate(request.inputs)
    ]
    return TensorRequest(
        request.id,
        tensors,
        outputs,
        bool(raw),
        request.parameters["nan_is_missing"].bool_param if "nan_is_missing" in request.parameters else False,
    )


def write_response(
    served: ServedModel, request: TensorRequest, outputs: Outputs, identifier: str
) -> pb.ModelInferResponse:
    """Returns the message of a response: raw contents where the inputs were raw."""
    response = pb.ModelInferResponse(model_name=served.name, model_version=served.version, id=identifier)
    for name, (values, is_raw) in choose_outputs(outputs, request).items():
        output = response.outputs.add(name=name, datatype=datatype(values), shape=values.shape)
        if is_raw:
            response.raw_output_contents.append(to_bytes(values))
        else:
            contents = getattr(output.contents, _CONTENTS[output.datatype])
            flat = values.ravel()
            contents.extend([value.encode() for value in flat] if values.dtype == np.object_ else flat.tolist())
    return response


def _contents(entry: Any, max_values: int) -> list[Any]:
    if entry.datatype not in _CONTENTS:
        return []
    others = [field.name for field, _ in entry.contents.ListFields() if field.name != _CONTENTS[entry.datatype]]
    if others:
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected {entry.name[:40]!r} ({entry.datatype}) to hold {_CONTENTS[entry.datatype]} alone. Received: "
            f"{', '.join(others)}.",
        )
    sent = getattr(entry.contents, _CONTENTS[entry.datatype])
    if len(sent) > max_values:
        raise RequestError(
            Rejection.TOO_MANY_VALUES,
            f"Expected {entry.name[:40]!r} to have at most {max_values:,} values. Received: {len(sent):,}.",
        )
    values = list(sent)
    if entry.datatype != "BYTES":
        return values
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError:
        raise RequestError(
            Rejection.VALUES, f"Expected {entry.name[:40]!r} to be strings in UTF-8. Received: other bytes."
        ) from None
