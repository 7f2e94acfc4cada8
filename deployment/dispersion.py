"""How much failures come together: those of one event are no independent evidence."""

import dataclasses

import numpy as np

from .prometheus import Traffic

WINDOW_SECONDS = 90.0
"""Failures that come together fall into so long a time, also where it is scraped once a minute."""


class Dispersion:
    """The design effects of a version's failures and rejections, of counts that are looked at again and again.

    A design effect is by how much more the share of hits varies between windows of time than it would if each request
    failed on its own (Rao and Scott 1992, A simple method for the analysis of clustered binary data, Biometrics 48).
    `n` requests with an effect of `d` are worth `n / d`. In the first window all hits are one event.

    Args:
        least: int. Requests of a window from which on it is no event, but how the version is, that most of them fail.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self._start = 0.0
        self._before = np.zeros(3)
        self._windows: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []

    def add_to(self, traffic: Traffic, seconds: float) -> Traffic:
        """Returns the traffic of a look with its design effects.

        Args:
            traffic: `Traffic` since the start.
            seconds: float. How long ago that is.
        """
        counts = np.array([traffic.requests, traffic.failed, traffic.rejected])
        windows = np.array([*self._windows, np.maximum(counts - self._before, 0.0)])
        if seconds - self._start >= WINDOW_SECONDS:
            self._windows.append(windows[-1])
            self._start, self._before = seconds, counts
        return dataclasses.replace(
            traffic, failed_effect=self._effect(windows, 1), rejected_effect=self._effect(windows, 2)
        )

    def _effect(self, windows: np.ndarray[tuple[int, int], np.dtype[np.float64]], kind: int) -> float:
        windows = windows[windows[:, 0] > 0]
        requests, hits = windows[:, 0], windows[:, kind]
        total, share = requests.sum(), hits.sum() / max(requests.sum(), 1.0)
        if not 0 < share < 1 or ((2 * hits > requests) & (requests >= self._least)).any():
            return 1.0
        num = len(windows)
        if num == 1:
            return max(1.0, float(hits[0]))
        varies = num / (num - 1) * ((hits - share * requests) ** 2).sum() / total
        return max(1.0, float(varies / (share * (1 - share))))
