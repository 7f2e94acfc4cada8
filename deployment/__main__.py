"""`python -m yachay.deployment`: carries out the order in the variable `YACHAY_ORDER`, in a Job or in the background.

Its exit status is 0 where the model serves, 3 where it does not, 2 for an order that is invalid, and 1 where the API or
Prometheus does not respond, so that another try may help.
"""

import argparse
import datetime
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from ..errors import UsageError, YachayError
from ..model_store.golden import GoldenRequest, golden_of
from ..model_store.location import open_store
from .job import ORDER_VARIABLE
from .lease import HOLDER_SECONDS, WAIT_SECONDS
from .order import Order

FAILED, REJECTED, NOT_PROMOTED = 1, 2, 3


def main(arguments: Sequence[str]) -> int:
    """Carries out the order and returns the exit status.

    Args:
        arguments: sequence of strings. The command line without the program.
    """
    parser = argparse.ArgumentParser(prog="python -m yachay.deployment")
    parser.add_argument("--context", help="context of the kubeconfig (default: the current one)")
    parser.add_argument("--force-conflicts", action="store_true", help="take over fields that another manager set")
    options = parser.parse_args(arguments)
    text = os.environ.get(ORDER_VARIABLE)
    if not text:
        say(f"Error: Expected an order in {ORDER_VARIABLE}. Received: none. Take yachay deploy --in-cluster.")
        return REJECTED
    # Ends the call as Ctrl-C does: it gives its Lease back.
    signal.signal(signal.SIGTERM, _end)
    try:
        # A pod that was killed before this one holds the Lease until it has run out.
        order = Order.from_json(text)
        outcome = order.run(
            say,
            golden=lambda: _golden(order),
            context=options.context,
            is_forced=options.force_conflicts,
            wait_seconds=HOLDER_SECONDS + WAIT_SECONDS,
        )
    except UsageError as error:
        say(f"Error: {error}")
        return REJECTED
    except YachayError as error:
        say(f"Error: {error}")
        return FAILED
    serving = f"version {outcome.serving_version} serves" if outcome.serving_version else "nothing serves"
    reason = f": {outcome.reason}" if outcome.reason else ""
    say(f"{outcome.state.replace('_', ' ').upper()}, {serving}{reason}")
    return 0 if outcome.state in ("promoted", "unchanged") else NOT_PROMOTED


def say(line: str) -> None:
    """Prints a line with its time, at once."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(f"{now} {line}", flush=True)


def _golden(order: Order) -> list[GoldenRequest]:
    """Returns the golden requests of the order's push; none where they cannot be read from here."""
    if order.canary.golden == "skip":
        return []
    model = order.service.model
    try:
        return golden_of(open_store(model.storage_uri.rpartition("/")[0]), model.version)
    except YachayError as error:
        say(f"the golden requests cannot be read: {error}")
        return []


def _end(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
