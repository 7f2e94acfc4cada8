import contextlib
import signal
import threading
import time

import pytest

from yachay.pipelines.local.interruption import Interruption


def test_ctrl_c_that_somebody_drops_is_raised_once_more() -> None:
    interruption = Interruption()
    with interruption.kept():
        interruption.check()
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_outside_the_main_thread_nothing_is_kept() -> None:
    def work() -> None:
        with Interruption().kept():
            ended.append(True)

    ended: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


def test_what_is_dropped_while_an_object_is_deleted_is_sent_once_more() -> None:
    class Deleted:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def wait() -> None:
        with Interruption().kept():
            del deleted[0]
            time.sleep(30)

    deleted = [Deleted()]
    with pytest.raises(KeyboardInterrupt):
        wait()
