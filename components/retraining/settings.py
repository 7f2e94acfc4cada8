"""Settings of retraining: the section `retrain` of a configuration."""

import datetime
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ..evaluator.settings import Bounds, Change
from ..settings import Settings

CANDIDATES = "-candidates"
"""What the store of candidates has behind the name of the model store."""

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(0|[1-9][0-9]*)([mhdw])")


def read_duration(text: str) -> datetime.timedelta:
    """Returns a duration such as `"90d"`, `"12h"`, `"30m"` or `"2w"`.

    Raises:
        ValueError: if it is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("expected a duration such as 90d, 12h, 30m or 2w")
    return datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})


def _checked(text: str) -> str:
    read_duration(text)
    return text


Duration = Annotated[str, AfterValidator(_checked)]


class Triggers(Settings):
    """What calls for a training; each that is met is a reason, and one is enough.

    Args:
        drift: bool. Whether drift does, as the monitor decides. Defaults to True.
        measured: dict of metric to `Bounds`. A value of the newest window with labels outside of them does.
        estimated: dict of metric to `Bounds`. Likewise of the values that the monitor estimates without labels.
        labelled_rows: int or None. So many labelled rows since the last training do. Defaults to None.
        age: string or None. A model of so long ago does: `"90d"`. Defaults to None.
    """

    drift: bool = True
    measured: dict[str, Bounds] = {}
    estimated: dict[str, Bounds] = {}
    labelled_rows: Annotated[int, Field(ge=1)] | None = None
    age: Duration | None = None


class RetrainSettings(Settings):
    """When a model is trained anew, and what is done with the result.

    Args:
        when: `Triggers`.
        cooldown: string. After a run none starts for so long. Defaults to `"1d"`.
        min_rows: int. With fewer labelled rows since the last training none starts: there is nothing new to learn.
            Defaults to 500.
        max_runs_a_week: int. Defaults to 2.
        champion: `Change`. How the candidate must stand beside the last pushed model on the newest labelled rows that
            neither has learnt from, beyond the gate; with tolerance 0 it must be at least as good.
        min_champion_rows: int. With fewer such rows the comparison does not count. Defaults to 50.
        promote: `"auto"` pushes a model that passes into the model store, which servers follow; `"manual"` into the
            store of candidates, where it waits for a person: `yachay models promote`. Defaults to `"manual"`.
        labelled: string. Where labelled rows are kept as spans, and of runs on Kubeflow also the state: a folder, or
            `gs://`, `s3://`, `minio://` with a bucket and a folder. Defaults to the home of the runs on this machine.
    """

    when: Triggers = Triggers()
    cooldown: Duration = "1d"
    min_rows: Annotated[int, Field(ge=1)] = 500
    max_runs_a_week: Annotated[int, Field(ge=1)] = 2
    champion: Change = Change(metric="accuracy")
    min_champion_rows: Annotated[int, Field(ge=1)] = 50
    promote: Literal["auto", "manual"] = "manual"
    labelled: str = ""

    @model_validator(mode="after")
    def _some_trigger(self) -> "RetrainSettings":
        when = self.when
        if not (when.drift or when.measured or when.estimated or when.labelled_rows or when.age):
            raise ValueError("when: expected a trigger: drift, measured, estimated, labelled_rows or age")
        return self
