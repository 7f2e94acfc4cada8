import re

import pytest

from yachay.deployment.prometheus import Prometheus
from yachay.serving import metrics


def test_every_metric_that_is_asked_for_is_one_of_the_server_s(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Prometheus, "_query", lambda _, query: asked.append(query) or [])
    Prometheus("http://localhost").traffic("dropout", "1", 60)

    counted = [metrics.REQUESTS, metrics.SECONDS, metrics.CLASSES, metrics.VALUES, metrics.MODEL]
    known = {f"{one._name}{suffix}" for one in counted for suffix in ("", "_total", "_bucket")}
    assert set(re.findall(r"yachay_\w+", " ".join(asked))) <= known
