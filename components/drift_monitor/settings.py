"""Settings of the monitor: the section `monitor` of a configuration."""

import dataclasses
import datetime
import re
from typing import Annotated, Self

from pydantic import Field, field_validator

from ...errors import UsageError
from ..settings import Settings

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([1-9][0-9]*)([mhdw])")


@dataclasses.dataclass(frozen=True)
class WindowSize:
    """How a log is divided: by time, or by rows.

    Args:
        seconds: int. 0 where it is divided by rows.
        rows: int. 0 where it is divided by time.
    """

    seconds: int = 0
    rows: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the size of a text: `"7d"`, `"12h"`, `"30m"`, `"2w"`, or a number of rows, `"5000"`.

        Raises:
            ValueError: if it is neither.
        """
        if match := _SPAN.fullmatch(text):
            return cls(seconds=int(match[1]) * _SECONDS[match[2]])
        if re.fullmatch("[1-9][0-9]*", text):
            return cls(rows=int(text))
        raise ValueError("expected a time, such as 7d, 12h or 30m, or a number of rows, such as 5000")


def parse_since(text: str, now: datetime.datetime) -> datetime.datetime:
    """Returns the time of a text: ISO 8601, or how long ago, such as `"30d"`.

    Raises:
        ValueError: if it is neither.
    """
    if match := _SPAN.fullmatch(text):
        return now - datetime.timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "expected a time, such as 2026-11-01 or 2026-11-01T08:00+02:00, or how long ago, such as 30d"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


class MonitorSettings(Settings):
    """Which log is watched, and when it counts as drifted.

    Args:
        log: string. The folder of the server's `--prediction_log`, or a file; also in a bucket. A command may name
            another. Defaults to none.
        labels: string. File or folder of labels that come later. Defaults to none.
        labels_key: string. The column by which labels and predictions belong together. Defaults to `prediction_id`.
        push_gateway: string. Address of a Prometheus Pushgateway that a step sends its metrics to. Defaults to none.
        window: string. How the log is divided: `"7d"`, `"12h"`, or a number of rows. Defaults to `"7d"`.
        is_open_judged: bool. Whether the window that is still filling is judged. `--follow` judges none, for a window
            that is looked at again and again raises a false alarm more often. Defaults to True.
        since: string. From when on it is judged: a time, or how long ago, `"90d"`; empty for all. Defaults to all.
        min_rows: int. Windows of fewer rows are not judged, nor groups of fewer. Defaults to 100.
        false_alarms: float in (0, 1). The probability that a log without any drift raises an alarm, over all features,
            predictions, groups and windows of a call together. Defaults to .05.
        min_distance: float in [0, 1). Differences below it raise no alarm, however sure they are. .1 is what a mean
            moved by a quarter of a standard deviation makes. Defaults to .1.
        min_fall: float. A metric that falls by less raises no alarm: of one between 0 and 1 the difference, of others
            the share of its value. Defaults to .03.
    """

    log: str = ""
    labels: str = ""
    labels_key: str = ""
    push_gateway: str = ""
    window: str = "7d"
    is_open_judged: bool = True
    since: str = ""
    min_rows: Annotated[int, Field(ge=20)] = 100
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = 0.05
    min_distance: Annotated[float, Field(ge=0, lt=1)] = 0.1
    min_fall: Annotated[float, Field(ge=0)] = 0.03

    @field_validator("window", mode="before")
    @classmethod
    def _rows_may_be_a_number(cls, given: object) -> object:
        return str(given) if isinstance(given, int) else given

    @field_validator("window")
    @classmethod
    def _is_a_window(cls, text: str) -> str:
        WindowSize.parse(text)
        return text

    @field_validator("since")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        if text:
            parse_since(text, datetime.datetime.now(datetime.UTC))
        return text

    @property
    def size(self) -> WindowSize:
        """How the log is divided."""
        return WindowSize.parse(self.window)


class StoreSettings(Settings):
    """How the model store is reached.

    Args:
        mount: string. Folder at which the claim of a `pvc://` is mounted.
        endpoint_url: string. Address of the S3 server; empty takes `AWS_ENDPOINT_URL`, else Amazon's.
    """

    mount: str = ""
    endpoint_url: str = ""


def require_log(log: str) -> str:
    """Returns the place of a log.

    Raises:
        UsageError: if it is empty.
    """
    if not log:
        raise UsageError(
            "Expected the place of a prediction log: --log FOLDER, the server's --prediction_log, or monitor.log in "
            "the configuration. Received: none."
        )
    return log
