"""The circuit breaker: when all requests fail, one asks now and then whether the Hub is back.

A model whose own config fails again and again is no outage: the breaker opens only after failures
in a row, and closes as soon as a request succeeds that has succeeded before. (pybreaker and its
like fail the calls that come while the circuit is open; here they wait, so that no model is written
off in an outage.)
"""

import random
import threading
import time
from collections.abc import Callable

from extract.hub.errors import HubDown, Stopped

#: Failures in a row that may be an outage; to ask costs one request. Before the first answer of a
#: run one is enough.
_OUTAGE = 3
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
#: Longest wait where the Hub answers, but nothing that was asked for has come yet.
_UNSURE_WAIT_S = 5.0
#: Patience before the first answer of a run: a wrong address should be noticed soon.
_FIRST_PATIENCE_S = 20.0


def backoff_s(attempt: int, rng: random.Random, longest_s: float = _LONGEST_WAIT_S) -> float:
    """Return the wait before the next attempt, in seconds: doubled each time, half of it random."""
    whole = min(longest_s, _FIRST_WAIT_S * 2 ** min(attempt, 16))
    return whole * rng.uniform(0.5, 1.0)


class Breaker:
    """Holds all requests back while the Hub is down.

    Args:
        endpoint: the Hub's address, for the message.
        patience_s: seconds without any answer until `HubDown`.
        is_back: asks the Hub once whether it answers; returns whether that is sure, because the
            same kind of request was answered, or the reason why it does not.
        stop: set when the crawl should stop.
        seed: of the random part of the waits.
    """

    def __init__(
        self,
        endpoint: str,
        patience_s: float,
        is_back: Callable[[], bool | str],
        stop: threading.Event,
        seed: int,
    ) -> None:
        self._endpoint = endpoint
        self._patience_s = patience_s
        self._is_back = is_back
        self._stop = stop
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._failures = 0
        self._unsure = 0
        self._had_answer = False
        self._is_open = False
        self._down: HubDown | None = None
        self._since: float | None = None

    def succeed(self) -> None:
        """Take in that the Hub answered."""
        self._had_answer = True
        self._failures = self._unsure = 0
        self._since = None

    def fail(self) -> None:
        """Take in that a request failed in a way that an outage would explain."""
        if self._is_open:
            return
        with self._lock:
            self._since = self._since or time.monotonic()
            self._failures += 1
            if self._failures >= _OUTAGE or not self._had_answer:
                self._is_open = True

    def wait(self) -> None:
        """Return at once while the Hub answers, else when it answers again.

        Raises:
            HubDown: it did not answer for longer than the patience.
            Stopped: the crawl was asked to stop.
        """
        if not self._is_open:
            return
        with self._lock:
            if self._is_open:
                self._recover()

    def _recover(self) -> None:
        if self._down is not None:
            raise self._down
        attempt = 0
        while isinstance(answer := self._is_back(), str):
            self._wait_longer(backoff_s(attempt, self._rng), answer)
            attempt += 1
        if answer:
            self._since, self._unsure = None, 0
        else:
            self._unsure += 1
            wait = min(_UNSURE_WAIT_S, backoff_s(self._unsure, self._rng))
            self._wait_longer(wait, "the listing does, but nothing else")
        self._failures, self._had_answer, self._is_open = 0, True, False

    def _wait_longer(self, seconds: float, reason: str) -> None:
        """Wait, unless the patience is at its end."""
        patience = self._patience_s
        if not self._had_answer:
            patience = min(patience, _FIRST_PATIENCE_S)
        passed = time.monotonic() - (self._since or time.monotonic())
        if passed >= patience:
            self._down = HubDown(
                f"The Hub at {self._endpoint} does not answer (for {passed:.0f} s, last: "
                f"{reason}). What was crawled is kept; run the same command again to go on."
            )
            raise self._down
        if self._stop.wait(min(seconds, max(0.05, patience - passed))):
            raise Stopped
