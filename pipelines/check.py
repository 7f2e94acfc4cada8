"""All faults of a pipeline's configuration and of its data at once, before any heavy import."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2

from ..components.example_gen.convert import Converter
from ..components.example_gen.inputs import match_files
from ..components.example_gen.read import data_paths, open_table
from ..components.example_gen.settings import IngestSpec
from ..components.example_gen.tables import Rejection, check_columns
from ..components.fingerprints import as_text
from ..errors import DataError
from .columns import ingest_spec
from .config.pipeline_config import PipelineConfig
from .profile import PROFILE_FILE, read_profile

SAMPLE_ROWS = 100_000


@dataclass
class DataCheck:
    """What a look at the first rows of the data showed.

    Args:
        num_rows: int. Rows looked at.
        is_whole: bool. Whether they are all.
        faults: list of strings. Why a run of them would fail, a line each.
        warnings: list of strings. What a run would leave out, or what differs from the profile, a line each.
    """

    num_rows: int = 0
    is_whole: bool = True
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_records(
    data_uri: str, schema: schema_pb2.Schema, config: PipelineConfig, task: str, folder: Path | None
) -> DataCheck:
    """Looks at the first `SAMPLE_ROWS` rows of the data as the ingest would.

    Args:
        data_uri: string. File, folder or pattern.
        schema: `schema_pb2.Schema`.
        config: `PipelineConfig`.
        task: string. Name of the task.
        folder: path or None. The pipeline's folder, where its profile lies.

    Raises:
        ConfigurationError: if the configuration and the schema do not fit.
        DataError: if the data cannot be read.
    """
    spec = ingest_spec(schema, config, task)
    found = DataCheck()
    converter, reasons, kept = Converter(spec), Counter[tuple[str, str]](), []
    examples: dict[tuple[str, str], int] = {}
    for path in data_paths(match_files(data_uri), spec)[0]:
        table = open_table(path, spec)
        try:
            check_columns(path, table.original_names, spec.columns, spec.label.name)
        except DataError as error:
            found.faults.append(str(error))
            continue
        found.warnings += [
            f"the column {original!r} of {path.name} is not in the schema and is not read"
            for name, original in table.original_names.items()
            if name not in spec.columns
        ]
        start = 0
        for raw in table.batches(list(spec.columns)):
            if found.num_rows >= SAMPLE_ROWS:
                found.is_whole = False
                break
            batch, rejections = converter.convert(raw, start)
            for rejection in rejections:
                kind = _kind(rejection)
                reasons[kind] += 1
                examples.setdefault(kind, rejection.index + 1)
            kept.append(batch)
            start += len(batch)
            found.num_rows += len(batch)
    if not kept:
        return found
    records = pa.Table.from_batches(kept)
    num_bad = sum(reasons.values())
    lines = [
        f"{column or 'a record'}: {reason}: {count} of {found.num_rows} rows, first record {examples[column, reason]}"
        for (column, reason), count in reasons.most_common()
    ]
    if num_bad > spec.max_quarantined_share * found.num_rows:
        found.faults += [
            f"{num_bad} of {found.num_rows} rows do not fit, more than data.max_quarantined_share "
            f"({spec.max_quarantined_share:.1%}):",
            *lines,
        ]
    else:
        found.warnings += [f"quarantined: {line}" for line in lines]
    _check_labels(found, records, spec)
    profiles = read_profile(folder / PROFILE_FILE) if folder else {}
    for name, profile in profiles.items():
        if name in records.column_names and (drift := profile.drift(_plain(records, name), len(profiles))):
            found.warnings.append(f"{name} {drift}")
    return found


def _kind(rejection: Rejection) -> tuple[str, str]:
    """Returns a rejection's column and its reason without the value in it."""
    value, mark, rest = rejection.reason.rpartition("' is ")
    return rejection.column, f"a value is {rest}" if mark and value.startswith("'") else rejection.reason


def _check_labels(found: DataCheck, records: pa.Table, spec: IngestSpec) -> None:
    if not (spec.label.values and found.is_whole):
        return
    present = set(as_text(records.column(spec.label.name).combine_chunks()).unique().to_pylist())
    if absent := [label for label in spec.label.values if label not in present]:
        found.warnings.append(f"no record has the label {', '.join(map(repr, absent))}")


def _plain(records: pa.Table, name: str) -> pa.Array:
    """Returns a column as the profile has it: floats or text."""
    array = records.column(name).combine_chunks()
    if pa.types.is_string(array.type):
        return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)
    return array.cast(pa.float64(), safe=False)
