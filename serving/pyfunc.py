"""A push as a model of MLflow, with the numbers of the predict API.

model = mlflow.pyfunc.load_model("models:/student_dropout-semester2@champion")
model.predict(pandas.DataFrame([{"Age at enrollment": 19, ...}]))
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ..files import scratch_folder
from ..model_store.integrity import checked_files, list_files, read_file, write_files
from ..model_store.layout import RECEIPT_FILE
from ..model_store.mlflow_model import output_columns
from ..model_store.store import Push
from .inputs import InputChecker
from .loaded_model import LoadedModel
from .saved_model import load_saved_model

if TYPE_CHECKING:
    import pandas as pd

_MAX_STRING_BYTES = 2**20
_BATCH_ROWS = 4096


class PushedModel:
    """A pushed model that predicts data frames.

    Args:
        loaded: `LoadedModel`.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._checker = InputChecker(loaded.features, _BATCH_ROWS, _MAX_STRING_BYTES)

    def predict(self, model_input: "pd.DataFrame", params: dict[str, Any] | None = None) -> "pd.DataFrame":
        """Returns the outputs of the predict API, a column each; those of several values a row are lists.

        Args:
            model_input: `pandas.DataFrame` with a column a feature, by its name or its original one. A missing value
                is None or NaN.
            params: None; the model takes none.

        Raises:
            RequestError: if a value does not fit.
            ModelError: if it is no data frame.
        """
        import pandas as pd

        if not isinstance(model_input, pd.DataFrame):
            raise ModelError(
                f"Expected a data frame with a column a feature. Received: {type(model_input).__name__}. Name the "
                "columns: pandas.DataFrame([{...}])."
            )
        if model_input.empty:
            raise ModelError("Expected a data frame with rows. Received: none.")
        frames = []
        for start in range(0, len(model_input), _BATCH_ROWS):
            part = model_input.iloc[start : start + _BATCH_ROWS]
            columns = {str(name): _plain(part[name]) for name in part.columns}
            outputs = self._loaded.predict(self._checker.check_columns(columns, "the columns").matrices)
            named = outputs if len(outputs) > 1 else output_columns(next(iter(outputs.values())))
            frames.append(pd.DataFrame({name: values.tolist() for name, values in named.items()}))
        return pd.concat(frames, ignore_index=True).set_index(model_input.index)


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> PushedModel:
    """Loads a push: what MLflow calls.

    Args:
        path: string. Folder of the push, or of MLflow's copy of it.
        model_config: dict or None. Not read.

    Raises:
        IntegrityError: if the files of the model are not those that were pushed.
        ModelError: if it is no push.
    """
    folder = Path(path)
    try:
        receipt = read_file(folder / RECEIPT_FILE)
    except OSError as error:
        raise ModelError(f"Expected {RECEIPT_FILE} in {folder}. Received: {error.strerror}. Load a push.") from None
    push = Push.from_json(receipt, path)
    # MLflow puts a file of its own beside the model.
    names = [name for name in list_files(folder) if "/" in name or name in push.files]
    with scratch_folder() as copy:
        write_files(checked_files(push, names, lambda name: read_file(folder / name)), copy)
        return PushedModel(load_saved_model(copy / str(push.version)))


def _plain(column: "pd.Series[Any]") -> list[Any]:
    """Returns the values of a column as JSON would have them: None for a missing one, lists for arrays."""
    values = column.astype(object).where(column.notna(), None).tolist()
    return [value.tolist() if isinstance(value, np.ndarray | np.generic) else value for value in values]
