"""Scores parts on a Beam runner: the records are read where they are scored, and come to the same as here."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import apache_beam as beam

from .model_place import ModelPlace
from .plan import Part, Plan, Receipt
from .predict import Runner
from .score import Scorer, read_receipts


def beam_runner(arguments: Sequence[str], place: ModelPlace) -> Runner:
    """Returns the runner of parts that Beam's arguments describe.

    The records, and the folder of the output, must be where its workers can read and write them.

    Args:
        arguments: sequence of strings. Beam's, such as `--runner=FlinkRunner`.
        place: `ModelPlace`. Where a worker on another machine gets the model.
    """

    def run(plan: Plan, parts: Iterable[Part]) -> Iterator[tuple[Part, Receipt]]:
        todo = list(parts)  # Places, without records.
        with beam.Pipeline(argv=list(arguments)) as pipeline:
            parts_of = pipeline | "Parts" >> beam.Create(todo) | "Spread" >> beam.Reshuffle()
            parts_of | "Score" >> beam.ParDo(_Score(plan, place))
        receipts = read_receipts(plan)
        for part in todo:
            yield part, receipts[part.number]

    return run


class _Score(beam.DoFn):
    def __init__(self, plan: Plan, place: ModelPlace) -> None:
        self._plan = plan
        self._place = place
        self._scorer: Scorer | None = None

    def setup(self) -> None:
        """Loads the model, once a worker."""
        is_here = Path(self._plan.model).is_dir()
        model = self._plan.model if is_here else str(self._place.newest().path)
        self._scorer = Scorer(dataclasses.replace(self._plan, model=model))

    def process(self, part: Part) -> None:
        """Scores a part; a runner that is in doubt scores it again, which writes the same."""
        if self._scorer is None:
            raise RuntimeError("Beam calls `setup` first")
        self._scorer.score(part)
