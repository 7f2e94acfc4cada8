"""Bulk scoring: files of records to one file of predictions, complete or absent.

The input is divided into parts. Worker processes read, check, score and write them, each on its own, into a folder
beside the output; at the end the parts are joined. A run that was killed leaves its parts, and the same run goes on
from them. Memory holds a few parts a process, however many records there are.
"""

import collections
import contextlib
import dataclasses
import errno
import hashlib
import itertools
import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from absl import logging
from filelock import FileLock, Timeout

from ...errors import MAX_FAILURES_SHOWN, DataError, RunError, UsageError
from ...files import STAGING_PREFIX
from ...model_store.store import hash_folder
from ...model_store.tree_table import TREES_FILE
from ...serving.contract import Feature
from ...serving.cpus import count_cpus
from ...serving.model_metadata import read_features, read_metadata
from ...uris import is_remote
from ..access import unwritable
from ..example_gen.settings import ReadSettings
from ..features import to_identifier
from .outputs import PREDICTION, merge, merge_rejected
from .places import Place, open_place
from .plan import Evaluator, Part, Plan, Receipt, part_name
from .score import REJECTED_SUFFIX, Scorer, read_receipts, score_part, start_worker
from .settings import PredictSettings, reading_of, suffix_of
from .sources import InputFile, PartsReader, Wanted, list_inputs
from .trees_check import check_trees, is_known_good, remember_good

GO_ON = "The same command goes on from the parts that are complete."
PLAN_FILE = "plan.json"
QUARANTINE_SUFFIX = ".quarantine.csv"
_LOCK_FILE = "lock"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PARTS_AHEAD = 2
"""Parts that wait for each process: the next is there when one is done, and memory stays bounded."""

Runner = Callable[[Plan, Iterable[Part]], Iterator[tuple[Part, Receipt]]]
"""Scores parts and yields each with its receipt once it is complete."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is.

    Args:
        rows: int. Records that were predicted or rejected.
        share: float in [0, 1]. Of the bytes of the input.
        is_resumed: bool. Whether an earlier run did it.
    """

    rows: int
    share: float
    is_resumed: bool = False


@dataclasses.dataclass(frozen=True)
class PredictionSummary:
    """What a run of the predictor did.

    Args:
        output: string. The file of the predictions.
        quarantine: string. The file of rejected records; empty where none was.
        rows: int. Records that were predicted.
        rejected: int. Records in the quarantine.
        resumed_rows: int. Records that an earlier run, which was killed, had dealt with.
        evaluator: `"trees"` or `"saved_model"`: what predicted.
        seconds: float. Wall time of this run.
        warnings: tuple of strings.
    """

    output: str
    quarantine: str
    rows: int
    rejected: int
    resumed_rows: int
    evaluator: Evaluator
    seconds: float
    warnings: tuple[str, ...]

    @property
    def rows_per_second(self) -> float:
        """Records that this run dealt with a second."""
        return (self.rows + self.rejected - self.resumed_rows) / max(self.seconds, 1e-9)


def predict(
    model: Path,
    settings: PredictSettings,
    read: ReadSettings = ReadSettings(),  # noqa: B008
    *,
    overwrite: bool = False,
    facts: Mapping[str, str] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    num_workers: int | None = None,
    runner: Runner | None = None,
) -> PredictionSummary:
    """Scores the records of `settings.data` and writes `settings.output`.

    Args:
        model: path of the folder that holds `saved_model.pb`.
        settings: `PredictSettings`.
        read: `ReadSettings`. How the files are read. Defaults to its defaults.
        overwrite: bool. Whether an output that is there is replaced. Defaults to False.
        facts: mapping of name to string, for the metadata of a Parquet file. Defaults to none.
        progress: function of `Progress`, called when a part is complete. Defaults to none.
        num_workers: int. Processes. Defaults to the processors that this process may use.
        runner: `Runner` that reads the parts on other machines. Defaults to processes on this one.

    Raises:
        UsageError: if the output is there, somebody else is writing it, or it cannot hold what is asked for.
        DataError: if the records cannot be read, too many of them are rejected, or the output cannot be written.
        ModelError: if the model cannot be loaded.
        StoreError: if a bucket cannot be read or written.
        RunError: if a process was killed.
    """
    started = time.perf_counter()
    output, suffix = open_place(settings.output), suffix_of(settings.output)
    if suffix is None:
        raise UsageError(f"Expected an output that ends in a format, such as .parquet. Received: {settings.output!r}.")
    quarantine_place = _quarantine_of(output, suffix)
    _check_output(output, quarantine_place, overwrite)
    features = read_features(model, read_metadata(model))
    if settings.inputs and suffix.startswith(".csv"):
        _check_single(features)
    wanted = Wanted(features, settings.key)
    read = reading_of(read)
    files = list_inputs(settings.data, read)
    _check_apart(files, [output, quarantine_place])
    reader = PartsReader(files, read, wanted, is_shared=runner is not None)
    is_typed, warnings = reader.check()
    key = {to_identifier(name): name for name in settings.key}
    _check_names(key, settings, [feature.original_name.strip() for feature in features if feature.name not in key])
    folder = output.parent.child(f"{STAGING_PREFIX}predict-{output.path.rpartition('/')[2]}")
    plan = Plan(
        model=str(model),
        content_hash=hash_folder(model),
        evaluator="trees" if (model / TREES_FILE).is_file() else "saved_model",
        parts=folder.uri,
        suffix=suffix,
        key=key,
        typed_key=is_typed,
        inputs=settings.inputs,
        names_file=len(files) > 1,
        read=read,
    )
    with _locked(folder), _writing(settings.output):
        _check_output(output, quarantine_place, overwrite)  # Another run may have written it meanwhile.
        plan, receipts, resumed_rows = _score(plan, folder, files, reader, progress, num_workers, runner)
        _check_unchanged(files, settings.data, read)
        _check_receipts(
            receipts, settings.max_rejected_share, lambda: _write_quarantine(quarantine_place, folder, receipts)
        )
        quarantine = _write_quarantine(quarantine_place, folder, receipts)
        filled = [receipt for receipt in receipts if receipt.rows]
        with output.writing(is_durable=True) as stream:
            merge(
                [folder.child(part_name(one.number) + suffix) for one in filled],
                stream,
                suffix,
                filled[0].columns,
                facts or {},
            )
        folder.remove()  # Beside the lock: nobody else can be writing there.
    return PredictionSummary(
        output=settings.output,
        quarantine=quarantine,
        rows=sum(receipt.rows for receipt in receipts),
        rejected=sum(receipt.rejected for receipt in receipts),
        resumed_rows=resumed_rows,
        evaluator=plan.evaluator,
        seconds=time.perf_counter() - started,
        warnings=tuple(warnings),
    )


def _score(
    plan: Plan,
    folder: Place,
    files: Sequence[InputFile],
    reader: PartsReader,
    progress: Callable[[Progress], None],
    num_workers: int | None,
    runner: Runner | None,
) -> tuple[Plan, list[Receipt], int]:
    """Scores the parts that are not there yet; returns the plan, all receipts, and the rows that were there."""
    while True:
        done = _begin(plan, folder, files, is_shared=runner is not None)
        receipts = dict(done)
        is_checked = plan.evaluator == "trees" and not is_known_good(plan.content_hash)
        pool = _Pool(plan, num_workers or count_cpus(), is_checked)
        with pool if runner is None else contextlib.nullcontext():
            scored = pool.run if runner is None else lambda parts, plan=plan: runner(plan, parts)
            for part, receipt in scored(_undone(reader, receipts, done, progress)):
                receipts[part.number] = receipt
                progress(Progress(receipt.rows + receipt.rejected, part.done / max(reader.total_bytes, 1)))
            failure = pool.trees_failure() if runner is None else check_trees(plan.model) if is_checked else ""
        if not failure:
            if is_checked:
                remember_good(plan.content_hash)
            resumed_rows = sum(receipt.rows + receipt.rejected for receipt in done.values())
            return plan, [receipts[number] for number in sorted(receipts)], resumed_rows
        logging.warning("%s The SavedModel's graph predicts instead.", failure)
        plan = dataclasses.replace(plan, evaluator="saved_model")


def _undone(
    reader: PartsReader, receipts: dict[int, Receipt], done: Mapping[int, Receipt], progress: Callable[[Progress], None]
) -> Iterator[Part]:
    """Yields the parts without a receipt."""
    for part in reader.parts():
        receipt = done.get(part.number)
        if receipt is None:
            yield part
        else:
            rows = receipt.rows + receipt.rejected
            progress(Progress(rows, part.done / max(reader.total_bytes, 1), is_resumed=True))


class _Pool:
    """Worker processes, forked from one that has their imports; one of them checks the table of trees beside it."""

    def __init__(self, plan: Plan, num_workers: int, is_checked: bool) -> None:
        self._num_workers = num_workers
        context = multiprocessing.get_context("forkserver")
        modules = ["yachay.components.batch_predictor.score"]
        if plan.evaluator == "saved_model":
            modules.append("yachay.serving.saved_model")
        context.set_forkserver_preload(modules)
        self._plan = plan
        self._is_checked = is_checked
        self._pool = ProcessPoolExecutor(num_workers, context, initializer=start_worker, initargs=(plan,))
        self._check: Future[str] | None = None

    def __enter__(self) -> "_Pool":
        if self._is_checked:
            self._check = self._pool.submit(check_trees, self._plan.model)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        # After an error too, the parts that are under way are completed: seconds, and the next run has them.
        self._pool.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise RunError(
                "Expected the processes that score to live to the end. Received: one was killed, by hand or for want "
                f"of memory. {GO_ON} Fewer --workers need less memory."
            ) from None

    def trees_failure(self) -> str:
        """Returns why the table of trees cannot be used; nothing where it can."""
        return self._check.result() if self._check is not None else ""

    def run(self, parts: Iterable[Part]) -> Iterator[tuple[Part, Receipt]]:
        """Scores parts, a few at once."""
        rest = iter(parts)
        first = list(itertools.islice(rest, 2))
        if len(first) == 1 and self._plan.evaluator == "trees" and not self._is_checked:
            # Other processes would start for longer than this one works.
            yield first[0], Scorer(self._plan).score(first[0])
            return
        pending: dict[Future[Receipt], Part] = {}
        for part in itertools.chain(first, rest):
            future = self._pool.submit(score_part, part)
            # What it carries is with the process.
            pending[future] = dataclasses.replace(part, text=None, batch=None)
            if len(pending) >= self._num_workers * _PARTS_AHEAD:
                yield from _finished(pending)
        while pending:
            yield from _finished(pending)


def _finished(pending: dict[Future[Receipt], Part]) -> Iterator[tuple[Part, Receipt]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        yield pending.pop(future), future.result()


def _begin(plan: Plan, folder: Place, files: Sequence[InputFile], is_shared: bool) -> dict[int, Receipt]:
    """Returns the parts that an earlier run of the same plan has completed; those of another plan are removed."""
    facts = {
        **dataclasses.asdict(plan),
        "read": plan.read.model_dump(mode="json"),
        "model": "",  # Its content counts, not its place.
        "files": [dataclasses.asdict(file) for file in files],
        "is_shared": is_shared,
    }
    identity = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest().encode()
    if folder.child(PLAN_FILE).read() == identity:
        return read_receipts(plan)
    for name in folder.names():
        if name != _LOCK_FILE:
            folder.child(name).remove()
    folder.child(PLAN_FILE).write(identity)
    return {}


@contextlib.contextmanager
def _locked(folder: Place) -> Iterator[None]:
    """Keeps others from writing the same output; in a bucket nobody can be kept from it."""
    if not folder.is_local:
        yield
        return
    Path(folder.path).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{folder.path}/{_LOCK_FILE}", timeout=0):
            yield
    except (Timeout, FileNotFoundError):  # The latter where the other one has just removed it.
        raise UsageError(
            f"Expected nobody else to write this output. Received: another run, in {folder.uri}. Wait for it, or name "
            "another output."
        ) from None


@contextlib.contextmanager
def _writing(output: str) -> Iterator[None]:
    """Says of what cannot be written, as on a full disk, how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise DataError(f"{unwritable(output, error)} {GO_ON}") from error


def _check_output(output: Place, quarantine: Place, overwrite: bool) -> None:
    for place in (output, quarantine):
        if place.is_local and Path(place.path).is_dir():
            raise UsageError(f"Expected {place.uri} to be a file, or absent. Received: a folder. Name another output.")
    if output.is_local and not Path(output.path).parent.is_dir():
        raise UsageError(f"Expected the folder of the output to exist. Received: {output.uri}. Make it first.")
    if not overwrite and output.exists():
        raise UsageError(
            f"Expected an output that is not there yet. Received: {output.uri}, which is. Name another one, or replace "
            "it with --overwrite."
        )


def _check_unchanged(files: Sequence[InputFile], data: str, read: ReadSettings) -> None:
    """Checks that no input was written while it was scored: its parts would be of two files.

    Raises:
        DataError: if one was.
    """
    if changed := sorted({file.name for file in set(files) - set(list_inputs(data, read))}):
        raise DataError(
            f"Expected inputs that stay as they are while they are scored. Received: {changed[0]}, which was written "
            "or removed meanwhile. Score it again once it is complete."
        )


def _check_apart(files: Sequence[InputFile], outputs: Sequence[Place]) -> None:
    """Checks that no output would replace an input."""
    inputs = {name if is_remote(name) else str(Path(name).resolve()) for name in (file.name for file in files)}
    for place in outputs:
        if (place.uri if is_remote(place.uri) else str(Path(place.path).resolve())) in inputs:
            raise UsageError(f"Expected an output that is no input. Received: {place.uri}, which is. Name another one.")


def _check_single(features: Sequence[Feature]) -> None:
    """Checks that features fit into the cells of a CSV file."""
    if sequences := [feature.name for feature in features if feature.steps is not None]:
        raise UsageError(
            "Expected inputs of single values in CSV. Received: the sequences "
            f"{', '.join(sequences[:MAX_FAILURES_SHOWN])}. Write .parquet or .jsonl, or leave the inputs out."
        )


def _check_names(key: Mapping[str, str], settings: PredictSettings, inputs: Sequence[str]) -> None:
    """Checks that no two columns of the output have the same name."""
    names = [*key.values(), *(inputs if settings.inputs else ()), PREDICTION, *(() if key else ("file", "line"))]
    if twice := [name for name, count in collections.Counter(names).items() if count > 1]:
        raise UsageError(
            f"Expected columns of the output with names of their own. Received: {', '.join(twice)} twice. Leave "
            f"{'--inputs' if settings.inputs else 'the key'} out, or name another key."
        )


def _check_receipts(
    receipts: Sequence[Receipt], max_rejected_share: float, write_quarantine: Callable[[], str]
) -> None:
    """Checks that each file has records, and that few enough of them are rejected.

    Raises:
        DataError: if not; the quarantine is written.
    """
    by_file: collections.Counter[str] = collections.Counter()
    for receipt in receipts:
        by_file[receipt.file] += receipt.rows + receipt.rejected
    if empty := [file for file, count in by_file.items() if not count]:
        raise DataError(f"Expected {empty[0]} to hold records. Received: a header only. Name another file.")
    rejected, rows = sum(one.rejected for one in receipts), sum(one.rows for one in receipts)
    share = rejected / max(rejected + rows, 1)
    if rows and share <= max_rejected_share:
        return
    shown = [text for receipt in receipts for text in receipt.shown]
    expected = f"at most {max_rejected_share:.2%} of the records to be rejected" if rows else "records that fit"
    raise DataError(
        f"Expected {expected}. Received: {rejected:,} of {rejected + rows:,} rejected. Nothing is written but "
        f"{write_quarantine()}. Correct these records. The first:",
        shown,
    )


def _write_quarantine(place: Place, folder: Place, receipts: Sequence[Receipt]) -> str:
    """Writes the rejected records beside the output, and returns where; nothing where there are none."""
    rejected = [folder.child(part_name(receipt.number) + REJECTED_SUFFIX) for receipt in receipts if receipt.rejected]
    if not rejected:
        place.remove()
        return ""
    with place.writing(is_durable=True) as stream:
        merge_rejected(rejected, stream)
    return place.uri


def _quarantine_of(output: Place, suffix: str) -> Place:
    return open_place(output.uri[: -len(suffix)] + QUARANTINE_SUFFIX)
