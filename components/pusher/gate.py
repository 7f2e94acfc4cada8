"""The gate before a push: the model predicts in a session, and in the predict API, what it did when it was trained."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ...deployment.golden_check import check_predictions
from ...errors import ModelError
from ...model_store.golden import GoldenRequest
from .candidate_server import NAME, candidate_server, free_port, server_command


def check_candidate(
    model_dir: Path,
    read_examples: Callable[[], Sequence[bytes]],
    ready_seconds: float,
    draw_examples: Callable[[], Sequence[bytes]] | None = None,
    command: Callable[[Path, int], Sequence[str]] = server_command,
) -> list[GoldenRequest]:
    """Checks a model that is to be pushed.

    The server starts while the session is checked: both take seconds. It is asked for all records, real and drawn.

    Args:
        model_dir: path of the SavedModel as it would be pushed.
        read_examples: function that returns serialized `tf.Example` of the eval split.
        ready_seconds: float. How long the server may take until it is ready, from when the session is checked.
        draw_examples: function that returns records that are nobody's. Defaults to None: real ones are kept.
        command: function of the model's folder and the port. Returns the command of the server.

    Returns:
        The golden requests to keep: those of the drawn records, else of the real ones.

    Raises:
        ModelError: if it fails.
    """
    port = free_port()
    with candidate_server(command(model_dir, port), port) as server:
        # While the server starts: both import TensorFlow, where it is not imported yet.
        from ..trainer.session_check import check_session
        from .golden_rows import golden_records, make_golden

        examples = read_examples()
        check_session(model_dir, examples)
        records = golden_records(model_dir, examples)
        drawn = golden_records(model_dir, draw_examples()) if draw_examples else []
        golden = make_golden(model_dir, [*records, *drawn])
        server.wait_until_ready(ready_seconds)
        try:
            check_predictions(server.url, NAME, golden)
        except ModelError:
            server.check_alive()
            raise
    return golden[len(records) :] if draw_examples else golden
