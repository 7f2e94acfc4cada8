"""The section `predict` of a configuration: how records are scored in bulk."""

from typing import Self

from pydantic import field_validator, model_validator

from ..example_gen.settings import ReadSettings
from ..settings import Settings, Share

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
"""What the name of an output ends in: its format."""


def suffix_of(output: str) -> str | None:
    """Returns the suffix by which an output has its format, or None where it has none of `SUFFIXES`."""
    return next((suffix for suffix in SUFFIXES if output.lower().endswith(suffix)), None)


class PredictSettings(Settings):
    """How records are scored in bulk.

    Args:
        data: string. The records: a file, a folder or a pattern, here or in a bucket. Empty where a run names them.
        output: string. The file of the predictions, of one of `SUFFIXES`, here or in a bucket. Empty where a run names
            it.
        key: tuple of strings. Columns of the records that go into the output, by which a prediction is found again.
            Without one the output has `line`, and `file` where there are several.
        inputs: bool. Whether the output has the features too.
        max_rejected_share: float in [0, 1]. With more rejected records nothing is written but the quarantine.
    """

    data: str = ""
    output: str = ""
    key: tuple[str, ...] = ()
    inputs: bool = False
    max_rejected_share: Share = 1.0

    @field_validator("output")
    @classmethod
    def _of_a_known_format(cls, output: str) -> str:
        if output and suffix_of(output) is None:
            raise ValueError(f"expected a name that ends in one of {', '.join(SUFFIXES)}")
        return output

    @model_validator(mode="after")
    def _keys_once(self) -> Self:
        if len(set(self.key)) < len(self.key):
            raise ValueError("key: expected each column once")
        return self


def reading_of(settings: ReadSettings) -> ReadSettings:
    """Returns what of an ingest's reading concerns records without a label: neither bins nor duplicates."""
    rejecting = {"drop_duplicates", "max_quarantined_share", "bins"}
    return ReadSettings(**{name: getattr(settings, name) for name in ReadSettings.model_fields.keys() - rejecting})
