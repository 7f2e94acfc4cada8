"""Processes that end with the one that started them, also where that is killed.

subprocess.Popen([*ending_with_parent(), *command])
"""

import os
import sys

# PR_SET_PDEATHSIG outlives the exec. Not `preexec_fn`, for which Python forks in full: gRPC, where it runs in this
# process, then starts its threads in the child too, and aborts it as its files are closed (grpc/grpc#43055).
_PROGRAM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def ending_with_parent() -> list[str]:
    """Returns what to put before a command for it to be killed when the thread that starts it ends.

    On Linux; nothing elsewhere.
    """
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", "-c", _PROGRAM, str(os.getpid())]
