"""Values of flags that several programs take."""

import argparse


def boolean(text: str) -> bool:
    """Returns what a flag says, as KServe's own flags are read: y, yes, t, true, on, 1 or their contraries.

    Raises:
        argparse.ArgumentTypeError: if it says neither.
    """
    if text.lower() in ("y", "yes", "t", "true", "on", "1"):
        return True
    if text.lower() in ("n", "no", "f", "false", "off", "0"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, received {text!r}")
