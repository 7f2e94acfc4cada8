import pytest

from yachay.pipelines.kubeflow.step.devices import log_devices


def test_a_step_that_asks_for_devices_logs_what_it_sees(capsys):
    log_devices(10_000)
    logged = capsys.readouterr().err
    assert "Devices: 10000 asked for, " in logged
    assert "Warning: expected 10000 GPUs." in logged


def test_a_step_that_asks_for_none_logs_nothing_and_imports_no_tensorflow(capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow", None)
    log_devices(0)
    assert capsys.readouterr().err == ""
