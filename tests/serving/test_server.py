import asyncio
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from yachay.components.pusher.candidate_server import free_port
from yachay.errors import ConfigurationError, ModelError, UsageError
from yachay.serving.contract import Prediction
from yachay.serving.settings import make_parser, read_settings

from .conftest import ROW, Running, write_model

Serve = Callable[..., AbstractContextManager[Running]]


class Recorder:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.predictions: list[Prediction] = []
        self.is_closed = False

    def record(self, prediction: Prediction) -> None:
        self.predictions.append(prediction)

    def close(self) -> None:
        self.is_closed = True


def test_metadata_names_inputs_and_outputs_with_types_and_shapes(served: Running) -> None:
    metadata = httpx.get(f"{served.url}/v2/models/tiny").json()

    assert metadata["versions"] == ["5"]
    assert metadata["inputs"][0] == {"name": "income", "datatype": "FP32", "shape": [-1]}
    assert metadata["outputs"] == [
        {"name": "classes", "datatype": "BYTES", "shape": [-1]},
        {"name": "scores", "datatype": "FP32", "shape": [-1, 2]},
    ]
    with grpc.insecure_channel(served.grpc) as channel:
        over_grpc = GRPCInferenceServiceStub(channel).ModelMetadata(pb.ModelMetadataRequest(name="tiny"))
    assert list(over_grpc.versions) == ["5"]
    assert [one.name for one in over_grpc.inputs] == list(ROW)


def test_what_would_change_the_model_or_echo_headers_is_closed(served: Running) -> None:
    for path in ("/v1/models/tiny:explain", "/v2/repository/models/tiny/unload", "/v2/repository/models/tiny/load/"):
        response = served.post(path, json={}, headers={"authorization": "Bearer secret"})
        assert response.status_code == 404
        assert "secret" not in str(response.headers) + response.text
    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError) as raised:
        GRPCInferenceServiceStub(channel).RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="tiny"))
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert httpx.get(f"{served.url}/v2").json()["extensions"] == ["binary_tensor_data"]
    assert httpx.get(f"{served.url}/v2/models/tiny/ready").status_code == 200


def test_an_open_repository_unloads_and_loads_and_readiness_shows_it(serve: Serve, model_dir: Path) -> None:
    with serve(model_dir, opens_repository=True) as server, grpc.insecure_channel(server.grpc) as channel:
        stub = GRPCInferenceServiceStub(channel)
        statuses = []
        for change in (
            lambda: server.post("/v2/repository/models/tiny/unload"),
            lambda: server.post("/v2/repository/models/tiny/load"),
            lambda: stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="tiny")),
            lambda: stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="tiny")),
        ):
            change()
            ready = [httpx.get(f"{server.url}/v2/{path}").status_code for path in ("health/ready", "models/tiny/ready")]
            is_ready = stub.ModelReady(pb.ModelReadyRequest(name="tiny")).ready
            statuses.append((*ready, is_ready, server.predict({"instances": [ROW]}).status_code))

    assert statuses == [(503, 503, False, 503), (200, 200, True, 200)] * 2


def test_a_load_that_fails_reveals_nothing_of_the_host(serve: Serve, tmp_path: Path) -> None:
    model_dir = write_model(tmp_path / "1")
    with serve(model_dir, opens_repository=True) as server, grpc.insecure_channel(server.grpc) as channel:
        broken_graph(model_dir)
        response = server.post("/v2/repository/models/tiny/load")
        with pytest.raises(grpc.RpcError) as raised:
            GRPCInferenceServiceStub(channel).RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="tiny"))
        still = server.predict({"instances": [ROW]}).status_code

    assert (response.status_code, raised.value.code()) == (503, grpc.StatusCode.UNAVAILABLE)
    for message in (response.text, raised.value.details()):
        assert "The newest version cannot be loaded." in message
        assert str(tmp_path) not in message
    assert still == 200


def test_a_token_is_asked_for_but_not_by_probes(serve: Serve, model_dir: Path) -> None:
    with serve(model_dir, tokens=lambda: ["s3cret"]) as server:
        url = f"{server.url}/v1/models/tiny:predict"
        statuses = [
            httpx.post(url, json={"instances": [ROW]}, headers=headers).status_code
            for headers in ({}, {"authorization": "Bearer no"}, {"authorization": "Bearer s3cret"})
        ]
        closed = [
            httpx.get(f"{server.url}{path}").status_code for path in ("/metrics", "/v2/models/tiny", "/page.json")
        ]
        probes = ("/v2/health/live", "/v2/health/ready", "/v2/models/tiny/ready", "/v1/models/tiny")
        open_ = [httpx.get(f"{server.url}{path}").status_code for path in probes]
        with grpc.insecure_channel(server.grpc) as channel:
            stub = GRPCInferenceServiceStub(channel)
            assert stub.ModelReady(pb.ModelReadyRequest(name="tiny")).ready
            with pytest.raises(grpc.RpcError) as raised:
                stub.ModelMetadata(pb.ModelMetadataRequest(name="tiny"))
            metadata = [("authorization", "Bearer s3cret")]
            assert stub.ModelMetadata(pb.ModelMetadataRequest(name="tiny"), metadata=metadata).name == "tiny"

    assert statuses == [401, 401, 200]
    assert closed == [401] * 3
    assert open_ == [200] * 4
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_observers_see_what_was_asked_and_predicted_and_are_closed(serve: Serve, model_dir: Path) -> None:
    recorder = Recorder()
    with serve(model_dir, [recorder]) as server:
        headers = {"x-request-id": "r-1"}
        answer = server.post(
            "/v1/models/tiny:predict", json={"instances": [ROW, {**ROW, "town": None}]}, headers=headers
        )
        server.predict({"instances": [{**ROW, "income": "bad"}]})

    (prediction,) = recorder.predictions
    assert (prediction.request_id, prediction.protocol, prediction.model_version) == ("r-1", "v1", "5")
    assert answer.headers["x-request-id"] == "r-1"
    assert prediction.inputs["town"].tolist() == ["Lima", ""]
    assert prediction.inputs["branch"].tolist() == [7, 7]
    assert prediction.outputs["classes"].tolist() == ["yes", "yes"]
    assert recorder.is_closed


def test_grpc_has_its_own_health_service_and_reflection(serve: Serve, model_dir: Path) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    with (
        serve(model_dir, opens_repository=True, tokens=lambda: ["secret"]) as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)
        statuses = [stub.Check(health_pb2.HealthCheckRequest(), timeout=30).status]
        headers = {"authorization": "Bearer secret"}
        server.post("/v2/repository/models/tiny/unload", headers=headers)
        statuses.append(stub.Check(health_pb2.HealthCheckRequest(), timeout=30).status)
        with pytest.raises(grpc.RpcError) as raised:
            stub.Check(health_pb2.HealthCheckRequest(service="other"), timeout=30)
    with serve(model_dir) as server, grpc.insecure_channel(server.grpc) as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()

    assert [health_pb2.HealthCheckResponse.ServingStatus.Name(status) for status in statuses] == [
        "SERVING",
        "NOT_SERVING",
    ]
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert set(services) == {
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_metrics_say_what_to_alert_on(served: Running) -> None:
    served.predict({"instances": [{**ROW, "rating": None, "visits": 90}]})

    metrics = httpx.get(f"{served.url}/metrics").text

    for pattern in (
        r'yachay_requests_total{model_name="tiny",outcome="ok",protocol="v1",status="200"} [1-9]',
        r'yachay_request_seconds_count{model_name="tiny",protocol="v1"} [1-9]',
        r'yachay_requests_in_flight{model_name="tiny"} 0',
        r'yachay_batch_rows_count{model_name="tiny"} [1-9]',
        r'yachay_model{family="tiny",model_name="tiny",problem="classification",version="\d+"} 1',
        r'yachay_predicted_classes_total{label="yes",model_name="tiny"} [1-9]',
        r'yachay_missing_features_total{feature="rating",model_name="tiny"} [1-9]',
        r'yachay_out_of_domain_values_total{feature="visits",model_name="tiny"} [1-9]',
    ):
        assert re.search(pattern, metrics), pattern


def test_a_request_is_traced_within_its_callers_trace(
    serve: Serve, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yachay.serving import tracing

    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "BatchSpanProcessor", lambda _: SimpleSpanProcessor(exporter))
    with serve(model_dir, is_traced=True) as server:
        headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        server.post("/v1/models/tiny:predict", json={"instances": [ROW]}, headers=headers)
        server.predict({"instances": [{}]})
        with grpc.insecure_channel(server.grpc) as channel, pytest.raises(grpc.RpcError):
            GRPCInferenceServiceStub(channel).ModelInfer(pb.ModelInferRequest(model_name="other"), timeout=30)

        async def fail(*_: Any) -> None:
            raise RuntimeError("no")

        monkeypatch.setattr(server.server.model.current(), "predict", fail)
        server.post("/v1/models/tiny:predict", json={"instances": [ROW]})

    ok, rejected, unknown, failed = exporter.get_finished_spans()
    attributes = dict(ok.attributes or {})
    assert format(ok.context.trace_id, "x") == "af7651916cd43dd8448eb211c80319c"
    assert (ok.name, ok.kind.name) == ("POST /v1/models/{model_name}:predict", "SERVER")
    assert attributes["http.route"] == "/v1/models/{model_name}:predict"
    assert attributes["url.path"] == "/v1/models/tiny:predict"
    assert (attributes["client.address"], attributes["server.address"]) == ("127.0.0.1", "127.0.0.1")
    assert (attributes["http.response.status_code"], attributes["yachay.rows"]) == (200, 1)
    assert [span.status.status_code.name for span in (ok, rejected, unknown, failed)] == ["UNSET"] * 3 + ["ERROR"]
    assert dict(rejected.attributes or {})["http.response.status_code"] == 400
    assert unknown.name == "inference.GRPCInferenceService/ModelInfer"
    assert dict(unknown.attributes or {})["rpc.response.status_code"] == "NOT_FOUND"
    assert dict(failed.attributes or {})["error.type"] == "500"
    assert [event.name for event in failed.events] == ["exception"]


def test_the_access_log_has_a_line_for_each_request(serve: Serve, model_dir: Path, capfdbinary: Any) -> None:
    with serve(model_dir, logs_access=True) as server:
        server.post(
            "/v1/models/tiny:predict",
            json={"instances": [ROW, ROW]},
            headers={
                "x-request-id": "r-1",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "x-forwarded-for": "10.0.0.7",
                "user-agent": 'evil" ' + "a" * 500,
            },
        )
        server.predict({"instances": [{}]})
        httpx.get(f"{server.url}/nowhere")
        with grpc.insecure_channel(server.grpc) as channel:
            stub = GRPCInferenceServiceStub(channel)
            stub.ServerLive(pb.ServerLiveRequest(), timeout=30)
            with pytest.raises(grpc.RpcError):
                stub.ModelInfer(pb.ModelInferRequest(model_name="other"), timeout=30)

    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(line["protocol"], line["path"], line["status"]) for line in lines] == [
        ("http", "/v1/models/tiny:predict", 200),
        ("http", "/v1/models/tiny:predict", 400),
        ("http", "/nowhere", 404),
        ("grpc", "/inference.GRPCInferenceService/ServerLive", "OK"),
        ("grpc", "/inference.GRPCInferenceService/ModelInfer", "NOT_FOUND"),
    ]
    first = lines[0]  # uvicorn takes the client from a proxy on the same machine.
    assert first["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (first["client"], first["forwarded_for"], first["method"]) == ("10.0.0.7", "10.0.0.7", "POST")
    assert (first["request_id"], first["rows"], first["model_version"]) == ("r-1", 2, "5")
    assert 0 < first["seconds"] < 60
    assert len(first["user_agent"]) == 200


def test_an_error_of_the_server_reveals_nothing_of_it(
    serve: Serve, model_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(model_dir) as server:
        served_model = server.server.model.current()

        async def fail(*_: Any) -> None:
            raise RuntimeError(f"cannot read {model_dir}")

        monkeypatch.setattr(served_model, "predict", fail)
        with httpx.Client() as client:
            responses = [client.post(f"{server.url}/v1/models/tiny:predict", json={"instances": [ROW]}) for _ in "ab"]

    assert [response.status_code for response in responses] == [500, 500]
    assert str(model_dir) not in responses[0].text
    assert str(model_dir) in caplog.text


def test_the_openapi_document_names_the_fields(served: Running) -> None:
    document = httpx.get(f"{served.url}/openapi.json").json()

    request = document["paths"]["/v1/models/tiny:predict"]["post"]["requestBody"]["content"]["application/json"]
    row = request["schema"]["oneOf"][0]["properties"]["instances"]["items"]
    assert row["required"] == ["income", "branch"]
    assert row["properties"]["town"]["type"] == ["string", "null"]
    assert not any("repository" in path or "explain" in path for path in document["paths"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers=2"], "Expected --workers=1. Received: 2."),
        (["--max_rows=0"], "Expected --max_rows to be above 0. Received: 0."),
        (["--model_name=a/b"], "Expected --model_name without a slash or a colon"),
        (["--token_file=nowhere"], "Expected --token_file to hold a token. Received: nowhere"),
        (["--ssl_certfile=nowhere"], "Expected --ssl_certfile and --ssl_keyfile together. Received: one of them."),
    ],
)
def test_a_flag_that_cannot_be_used_is_rejected(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        read_settings(make_parser().parse_args(["--model_dir=x", *arguments]))


def test_a_port_that_is_taken_is_rejected(served: Running, serve: Serve, model_dir: Path) -> None:
    from yachay.serving.server import Server
    from yachay.serving.settings import Settings

    taken = int(served.url.rpartition(":")[2])
    for http_port, grpc_port in ((taken, free_port()), (free_port(), int(served.grpc.rpartition(":")[2]))):
        with pytest.raises(UsageError, match=r"Received: Address already in use\. Name another port\."):
            Server(Settings("tiny", model_dir, "127.0.0.1", http_port, grpc_port)).load()


def broken_metadata(path: Path) -> None:
    (path / "assets.extra" / "yachay.json").write_text("{", encoding="utf-8")


def another_format(path: Path) -> None:
    file = path / "assets.extra" / "yachay.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | {"format": 9}), encoding="utf-8")


def another_feature(path: Path) -> None:
    file = path / "assets.extra" / "yachay.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"income"', '"wage"'), encoding="utf-8")


def broken_graph(path: Path) -> None:
    (path / "saved_model.pb").write_bytes(b"no graph")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (broken_metadata, "to be an object of JSON"),
        (another_format, "in format 1. Received: 9"),
        (another_feature, "to take the features of assets.extra/yachay.json"),
        (broken_graph, "Expected a SavedModel with the signature serving_default"),
    ],
)
def test_a_model_that_cannot_be_served_is_rejected(
    spoil: Callable[[Path], None], message: str, serve: Serve, tmp_path: Path
) -> None:
    spoil(write_model(tmp_path / "1"))

    with pytest.raises(ModelError, match=re.escape(message)), serve(tmp_path / "1"):
        pass


def test_a_store_without_a_push_is_rejected(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Received: a folder without any\."), serve(tmp_path):
        pass
    with pytest.raises(UsageError, match=r"Received: no such folder\."), serve(tmp_path / "none"):
        pass


def test_a_full_queue_sheds_load(serve: Serve, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yachay.serving import batching
    from yachay.serving.limits import Limits

    monkeypatch.setattr(batching, "MAX_QUEUED_BATCHES", 1)

    async def ask(url: str) -> list[int]:
        async with httpx.AsyncClient(timeout=60) as client:
            body = {"instances": [ROW] * 50}
            responses = await asyncio.gather(*(client.post(url, json=body) for _ in range(60)))
            return [response.status_code for response in responses]

    with serve(model_dir, limits=Limits(max_batch_rows=1)) as server:
        statuses = asyncio.run(ask(f"{server.url}/v1/models/tiny:predict"))

    assert set(statuses) == {200, 503}
