"""The layout of a push, which writers and readers share.

<store>/push-<version>/
    <version>/              the SavedModel: TF Serving looks for a version below the place that it is given
        saved_model.pb
        assets.extra/yachay.json
        assets.extra/reference.json what the model was trained on and judged by, for `yachay monitor`
        assets.extra/trees.npz      the trees over raw values (tree_table.py), where the model is trees
    golden.jsonl            V1 requests with the responses of the model as it was trained
    MLmodel                 what makes the push a model of MLflow, and `input_example.json` (mlflow_model.py)
    model.sig               a signature of all other files, where the pusher has a key (signature.py)
    push.json               what was pushed; written last, so that a push without it is not finished
<store>/events/             promotions and retirements, a file each (ledger.py)
"""

import re

PUSH_PREFIX = "push-"
RECEIPT_FILE = "push.json"
GOLDEN_FILE = "golden.jsonl"
SIGNATURE_FILE = "model.sig"
EVENTS_FOLDER = "events"
CLAIM_PREFIX = ".claim"
"""Objects of the writer of a push to a bucket, of no one else's concern (object_store.py)."""
MODEL_FILE = "saved_model.pb"

_PUSH = re.compile(rf"{PUSH_PREFIX}([0-9]+)")
_VERSION_IN_PUSH = re.compile(rf"(.*/{PUSH_PREFIX}([0-9]+))/\2/?", re.DOTALL)


def push_name(version: int) -> str:
    """Returns the name of a push's folder."""
    return f"{PUSH_PREFIX}{version}"


def parse_version(name: str) -> int | None:
    """Returns the version in the name of a push's folder, or None for any other name."""
    match = _PUSH.fullmatch(name)
    return int(match[1]) if match else None


def push_of_version_folder(uri: str) -> str | None:
    """Returns the URI of the push whose SavedModel a URI names, or None where it names none."""
    match = _VERSION_IN_PUSH.fullmatch(uri)
    return match[1] if match else None
