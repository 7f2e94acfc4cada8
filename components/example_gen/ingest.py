"""Raw files to `tf.Example` records in two splits, and a quarantine for what does not fit."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import DataError
from ..fingerprints import as_text, fingerprints
from ..splitter import Splitter
from .attachments import write_attachments
from .convert import Converter, add_bins, to_exact_text
from .duplicates import Duplicates
from .inputs import ResolvedInput
from .notes import Note, summarize
from .quarantine import QuarantineWriter
from .read import check_headers, data_paths, open_table
from .settings import Column, ColumnType, IngestSpec, describe_values
from .tables import Rejection, Table, check_columns
from .write import ExampleWriter, whole_or_absent


@dataclass(frozen=True)
class IngestSummary:
    """What an ingest did.

    Args:
        rows_read: int. All records: `rows_kept + rows_quarantined`.
        rows_kept: int.
        rows_quarantined: int. Records in the quarantine, duplicates among them.
        rows_duplicate: int.
        rows_by_split: mapping of split name to the number of its records.
        label_counts: mapping of label value to the number of its records; empty for a regression.
        data_fingerprint: string. Of the contents of the files.
        span: int.
        version: int or `None`.
        original_names: mapping of column identifier to the name in the file.
        warnings: tuple of strings.
    """

    rows_read: int
    rows_kept: int
    rows_quarantined: int
    rows_duplicate: int
    rows_by_split: Mapping[str, int]
    label_counts: Mapping[str, int]
    data_fingerprint: str
    span: int
    version: int | None
    original_names: Mapping[str, str]
    warnings: tuple[str, ...]


def ingest(source: ResolvedInput, spec: IngestSpec, output_dir: Path, quarantine_dir: Path) -> IngestSummary:
    """Reads records, rejects those that do not fit, and writes the others as `Split-train` and `Split-eval`.

    Args:
        source: `ResolvedInput`. From `inputs.resolve_input`.
        spec: `IngestSpec`.
        output_dir: path. Gets `Split-train` and `Split-eval` with `data_tfrecord-*.gz`, and a reader's `attachments`;
            atomic.
        quarantine_dir: path. Gets `quarantine.csv`, and `notes.csv` where a reader noted something.

    Raises:
        DataError: if the data cannot be read, too many records do not fit, or too few are left.
    """
    check_headers(data_paths(source, spec)[0], spec)
    with whole_or_absent(quarantine_dir) as quarantine_draft, whole_or_absent(output_dir) as draft:
        tally = _Tally()
        with QuarantineWriter(quarantine_draft, quarantine_dir) as quarantine:
            writer = ExampleWriter(draft, spec.num_shards)
            splitter, first_eval_time, earlier = Splitter(spec.split), None, Duplicates()
            if spec.is_split and spec.split.method == "time":
                # Where `eval` begins is known only after all records: these are read twice.
                keys = [batch.column(spec.split.key) for batch in _clean(source, spec, tally, quarantine)]
                _check_quarantine(tally, quarantine, spec)
                first_eval_time = splitter.first_eval_time(keys)
                records = _clean(source, spec, _Tally(), None)
            else:
                records = _clean(source, spec, tally, quarantine)
            for batch in records:
                if spec.split.method == "time":
                    is_eval = None if first_eval_time is None else splitter.is_late(batch, first_eval_time)
                else:
                    hashes = splitter.hashes(batch)
                    is_eval = splitter.is_eval(hashes)
                    if spec.split.method == "hash":
                        tally.num_equal += int(earlier.find(hashes).sum())
                writer.write(add_bins(batch, spec.bins), is_eval if spec.is_split else None)
            writer.close()
            quarantine.write_notes(tally.notes)
            write_attachments(tally.attachments, draft)
        _check_quarantine(tally, quarantine, spec)
        _check_rows(tally, writer.num_written, spec)
    return IngestSummary(
        rows_read=tally.num_kept + tally.num_rejected,
        rows_kept=tally.num_kept,
        rows_quarantined=tally.num_rejected,
        rows_duplicate=tally.num_duplicate,
        rows_by_split=dict(writer.num_written),
        label_counts=dict(sorted(tally.labels.items())),
        data_fingerprint=source.fingerprint,
        span=source.span,
        version=source.version,
        original_names=tally.original_names,
        warnings=(
            *tally.warnings,
            *summarize(tally.notes),
            *_repairs(tally),
            *_absent_classes(tally, spec),
            *_equal_records(tally),
        ),
    )


@dataclass
class _Tally:
    num_kept: int = 0
    num_rejected: int = 0
    notes: list[Note] = field(default_factory=list)
    attachments: dict[str, bytes] = field(default_factory=dict)
    num_duplicate: int = 0
    num_equal: int = 0
    num_repaired: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    original_names: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def _clean(
    source: ResolvedInput, spec: IngestSpec, tally: _Tally, quarantine: QuarantineWriter | None
) -> Iterator[pa.RecordBatch]:
    """Yields the records that fit, typed, counts all, and writes the others to the quarantine where there is one."""
    converter = Converter(spec)
    duplicates = Duplicates() if spec.drop_duplicates else None
    paths, ignored = data_paths(source, spec)
    tally.warnings += [f"{file.name} is ignored: by its name it is no data" for file in ignored]
    for path in paths:
        table = open_table(path, spec)
        check_columns(path, table.original_names, spec.columns, spec.label.name)
        tally.original_names = {**table.original_names, **tally.original_names}
        extra = [name for name in table.original_names if name not in spec.columns]
        tally.warnings += [
            warning
            for name in extra
            if (warning := f"the column {table.original_names[name]!r} is not in the schema and is not read")
            not in tally.warnings
        ]
        tally.warnings += [warning for warning in table.warnings if warning not in tally.warnings]
        columns = [*spec.columns, *(extra if spec.drop_duplicates else ())]
        start = 0
        for raw in table.batches(columns):
            batch, rejections = converter.convert(raw, start)
            good = np.ones(len(batch), bool)
            good[[rejection.index - start for rejection in rejections]] = False
            if duplicates:
                equal = _find_duplicates(duplicates, raw, columns, good, spec)
                tally.num_duplicate += len(equal)
                good[equal] = False
                rejections += [Rejection(start + row, "", "equal to an earlier record") for row in equal]
                rejections.sort(key=lambda rejection: rejection.index)
            if quarantine:
                quarantine.write(table.locate(raw, start, rejections))
            start += len(batch)
            tally.num_rejected += len(rejections)
            kept = batch.filter(pa.array(good)) if rejections else batch
            tally.num_kept += len(kept)
            if spec.label.values:
                for count in pc.value_counts(as_text(kept.column(spec.label.name))).to_pylist():
                    tally.labels[count["values"]] += count["counts"]
            yield kept
        _finish(table, start, tally, quarantine)
    tally.num_repaired = converter.num_repaired


def _finish(table: Table, num_records: int, tally: _Tally, quarantine: QuarantineWriter | None) -> None:
    if quarantine:
        quarantine.write(table.locate_rest())
    tally.num_rejected += table.num_ragged
    tally.notes += table.notes
    tally.attachments |= table.attachments
    if num_records + table.num_ragged == 0:
        raise DataError(f"Expected {table.path} to hold records. Received: a header only. Name another file.")


def _find_duplicates(
    duplicates: Duplicates, raw: pa.RecordBatch, columns: list[str], good: np.ndarray, spec: IngestSpec
) -> list[int]:
    """Returns the rows that fit and equal an earlier record in all columns of the file."""
    rows = np.flatnonzero(good)
    others = Column(type=ColumnType.STRING)
    texts = [
        to_exact_text(name, raw.column(name), spec.columns.get(name, others).type, spec.decimal)
        for name in sorted(columns)
    ]
    hashes = fingerprints([column.take(pa.array(rows)) for column in texts])
    equal: list[int] = rows[duplicates.find(hashes)].tolist()
    return equal


def _check_quarantine(tally: _Tally, quarantine: QuarantineWriter, spec: IngestSpec) -> None:
    num_read = tally.num_kept + tally.num_rejected
    fix = (
        "Correct these records; or, as it fits, `data.missing_values`, `label.values`, the column's type in the "
        "schema, or raise `data.max_quarantined_share`."
    )
    if not tally.num_kept:
        raise DataError(f"Expected records that fit. Received: none of {num_read}. {fix}", quarantine.first)
    share = tally.num_rejected / num_read
    if share > spec.max_quarantined_share:
        equal = f" ({tally.num_duplicate} of them duplicates)" if tally.num_duplicate else ""
        raise DataError(
            f"Expected at most {spec.max_quarantined_share:.2%} of the records not to fit. Received: "
            f"{tally.num_rejected} of {num_read}{equal}, {share:.2%}. {fix} The first:",
            quarantine.first,
        )


def _check_rows(tally: _Tally, num_written: Mapping[str, int], spec: IngestSpec) -> None:
    if spec.label.values and len(tally.labels) == 1:
        raise DataError(
            f"Expected at least two values of the label {spec.label.name!r}. Received: {next(iter(tally.labels))!r} in "
            f"all {tally.num_kept} records. There is nothing to learn: name data with "
            f"{describe_values(spec.label.values)}."
        )
    for split, count in num_written.items():
        least = max(spec.min_rows, 1)
        if count < least:
            raise DataError(
                f"Expected at least {least} records in each split. Received: {count} of {tally.num_kept} in {split!r}. "
                "Collect more records, change `split`, or lower `evaluation.min_slice_rows`."
            )


def _repairs(tally: _Tally) -> list[str]:
    return [
        f"{tally.original_names[name]}: {count} value{'' if count == 1 else 's'} repaired (`data.repairs`)"
        for name, count in tally.num_repaired.items()
    ]


def _absent_classes(tally: _Tally, spec: IngestSpec) -> list[str]:
    return [f"the label value {value!r} does not occur" for value in spec.label.values if value not in tally.labels]


def _equal_records(tally: _Tally) -> list[str]:
    if not tally.num_equal:
        return []
    share = tally.num_equal / tally.num_kept
    return [
        f"{tally.num_equal:,} of {tally.num_kept:,} records ({share:.1%}) equal an earlier one: each split and fold "
        "keeps them together, the trainer's validation part does not; `data.drop_duplicates: true` keeps one of each"
    ]
