"""A plain `kserve.Model` over a SavedModel, as the SDK's examples write one, without lines of log a request.

    python tests/benchmarks/plain_server.py MODEL_DIR raw|examples PORT [GRPC_PORT]

`raw` calls the signature of named features, `examples` the one of serialized `tf.Example`.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import kserve
import tensorflow as tf

DTYPES = {"float32": tf.float32, "int64": tf.int64, "string": tf.string}
DATATYPES = {"FP32": "float32", "INT64": "int64", "BYTES": "string"}
NAME = "plain"


class PlainModel(kserve.Model):
    """Answers V1 and V2 in the event loop, a call of the model a request."""

    def __init__(self, folder: str, signature: str) -> None:
        super().__init__(NAME)
        self._signature = signature
        self._model = tf.saved_model.load(folder)
        metadata = json.loads(Path(folder, "assets.extra/yachay.json").read_text())
        self._dtypes = {feature["name"]: feature["dtype"] for feature in metadata["features"]}
        self.ready = True

    def predict(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
        """Answers a request."""
        if isinstance(payload, kserve.InferRequest):
            columns = {each.name: each.data for each in payload.inputs}
            outputs = self._answer(columns)
            tensors = []
            for name, values in outputs.items():
                tensor = kserve.InferOutput(name, list(values.shape), "FP32" if values.dtype.kind == "f" else "BYTES")
                tensor.set_data_from_numpy(values, binary_data=False)
                tensors.append(tensor)
            return kserve.InferResponse(payload.id or "", NAME, tensors)
        rows = payload["instances"]
        outputs = self._answer({name: [row[name] for row in rows] for name in self._dtypes})
        columns = {name: _plain(values) for name, values in outputs.items()}
        return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}

    def _answer(self, columns: dict[str, list[Any]]) -> dict[str, Any]:
        if self._signature == "raw":
            tensors = {name: tf.constant(columns[name], DTYPES[dtype]) for name, dtype in self._dtypes.items()}
            outputs = self._model.signatures["serving_default"](**tensors)
        else:
            rows = zip(*(columns[name] for name in self._dtypes), strict=True)
            examples = tf.constant([self._example(row) for row in rows])
            outputs = self._model.signatures["serving_examples"](examples=examples)
        return {name: values.numpy() for name, values in outputs.items()}

    def _example(self, row: tuple[Any, ...]) -> bytes:
        features = {}
        for (name, dtype), value in zip(self._dtypes.items(), row, strict=True):
            if dtype == "float32":
                features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
            elif dtype == "int64":
                features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
            else:
                features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        encoded: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        return encoded


def _plain(values: Any) -> list[Any]:
    return [each.decode() if isinstance(each, bytes) else each for each in values.tolist()]


def main(folder: str, signature: str, port: str, grpc_port: str = "") -> None:
    """Serves until it is stopped."""
    kserve.logging.configure_logging()
    for name in ("kserve", "kserve.trace", "uvicorn.access", "uvicorn.error", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
    over_grpc = {"enable_grpc": True, "grpc_port": int(grpc_port)} if grpc_port else {"enable_grpc": False}
    server = kserve.ModelServer(http_port=int(port), **over_grpc, workers=1, enable_latency_logging=False)
    server.start([PlainModel(folder, signature)])


if __name__ == "__main__":
    main(*sys.argv[1:])
