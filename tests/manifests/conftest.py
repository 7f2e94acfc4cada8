import importlib.util
import os
from pathlib import Path

import pytest

from yachay.manifests.service import Model, Service

IMAGE = f"registry.example/yachay-serving@sha256:{'ab' * 32}"


def make_model(version=1795229955, **fields):
    given = {
        "storage_uri": f"s3://models/student-dropout-semester2/push-{version}",
        "content_hash": "4b" * 32,
        "trained_uri": f"s3://pipelines/student-dropout-semester2/{version}/Trainer/model",
        "image": IMAGE,
    }
    return Model(**given | fields)


def make_service(**fields):
    given = {"name": "student-dropout-semester2", "namespace": "models", "model": make_model(), "mode": "knative"}
    return Service(**given | fields)


@pytest.fixture(name="make_model")
def make_model_fixture():
    return make_model


@pytest.fixture(name="make_service")
def make_service_fixture():
    return make_service


@pytest.fixture(scope="session")
def kserve_notes():
    """The folder of the notes on KServe, beside that of the data."""
    folder = Path(os.environ.get("YACHAY_DATA", "")).parent
    if "YACHAY_DATA" not in os.environ or not (folder / "kserve-crds").is_dir():
        pytest.skip("no kserve-crds beside the folder that YACHAY_DATA names")
    return folder


@pytest.fixture(scope="session")
def violations(kserve_notes):
    """What KServe's schemas, taken strictly, and its webhook have against a document."""
    spec = importlib.util.spec_from_file_location("validate_kserve", kserve_notes / "tools" / "validate_kserve.py")
    validator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(validator)
    schemas = validator.load(strict=True)
    return lambda document: validator.validate(document, schemas) + validator.webhook(document)
