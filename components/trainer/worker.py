"""A worker of a training: `python -m yachay.components.trainer.worker FILE`, with `TF_CONFIG`.

FILE has the arguments of `run_fn` as JSON: train_files, transform_graph_path, serving_model_dir, custom_config and
hyperparameters.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from .run_fn import run_fn

if __name__ == "__main__":
    run_fn(SimpleNamespace(**json.loads(Path(sys.argv[1]).read_text("utf-8"))))
