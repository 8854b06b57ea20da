"""The gate before every request: it lets through what the server's window permits, evenly spread.

The server counts in fixed windows. What is left and when the window ends is known from each answer,
but only roughly: the end is stated in whole seconds, and requests are under way while it is told.
So the gate keeps an interval for the end of the window and a count of permits that is never higher
than the server's, spreads the permits over the time before the earliest end, and opens again after
the latest one with a single request, whose answer describes the new window. No permit is lost by
the uncertain second, because all are used before it.

Rate limiters at hand (aiolimiter, pyrate-limiter, urllib3's Retry) hold a rate that is set
beforehand, or wait only after a refusal; none follows a window that the server describes.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from extract.hub.errors import HubError, Stopped
from extract.hub.limits import Limit

#: Permits are spread over all but this share of a window's remaining time, so that late answers and
#: busy moments can be made up for within the window.
_RESERVE = 0.04
#: Waits are woken this often to see whether the crawl was asked to stop, in seconds.
_WAKE_S = 0.5
#: Refusals in a row, each after the wait that the server asked for, until the crawl gives up.
_MAX_REFUSALS = 10
#: Wait after a refusal that says nothing, in seconds, doubled with each in a row.
_SILENT_REFUSAL_S = 5.0
#: Timers of two machines are no better than this, in seconds.
_TIMER_S = 0.02


@dataclass(frozen=True)
class Ticket:
    """One request that the gate let through.

    Attributes:
        window: number of the window it was let through in, as the gate counts them.
        answered_before: requests answered by then.
        sent_at: the time, in seconds of the monotonic clock.
    """

    window: int
    answered_before: int
    sent_at: float


@dataclass(frozen=True)
class GateStatus:
    """What a progress line shows: permits left and quota of the window, seconds to its end."""

    left: int | None
    quota: int | None
    reset_s: float | None
    window_s: float | None


class Gate:
    """Paces the requests of one bucket (`api` or `resolvers`); safe to use from many threads."""

    def __init__(
        self,
        bucket: str,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bucket = bucket
        self.sent = 0
        self.refused = 0
        #: (permits used, quota) of every window that was begun and ended here.
        self.windows: list[tuple[int, int]] = []
        #: Requests still wanted, if that is known: what fits into the window is not spread over it.
        self.wanted: int | None = None
        self._stop = stop
        self._clock = clock
        # One thread at a time waits for its permit, the others behind it: all of them waking up at
        # the same moment for one permit would cost more than the requests.
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        self._answered = 0
        self._window = 0
        self._used = 0
        self._limit: Limit | None = None
        self._left = 0
        self._earliest_end = self._latest_end = 0.0
        self._next_at = 0.0
        self._blocked_until = 0.0
        self._latency = 0.0
        self._refusals = 0
        # One request alone, until its answer tells the window.
        self._is_probing = True
        self._probes = 0

    def enter(self) -> Ticket:
        """Wait until a request is permitted.

        Raises:
            Stopped: the crawl was asked to stop.
            HubError: the server goes on refusing, however long one waits.
        """
        with self._turn, self._changed:
            while True:
                if self._stop.is_set():
                    raise Stopped
                if self._refusals > _MAX_REFUSALS:
                    raise HubError(
                        f"The Hub refused {self._refusals} requests in a row (429), each after the "
                        "wait that it asked for: another program may use up the same token's "
                        "limit. What was crawled is kept; run the same command again later."
                    )
                now = self._clock()
                wait = self._wait(now)
                if wait <= 0:
                    return self._let_through(now)
                self._changed.wait(min(wait, _WAKE_S))

    def wait_s(self) -> float:
        """Return the seconds until a request may be permitted, as far as is known now."""
        with self._changed:
            return self._wait(self._clock())

    def _wait(self, now: float) -> float:
        """Return the seconds until a request may be permitted; roll over an ended window."""
        if now < self._blocked_until:
            return self._blocked_until - now
        if self._limit is not None and not self._is_probing and now >= self._latest_end:
            self._end_window()
        if self._is_probing:
            return _WAKE_S if self._probes else 0.0
        if self._limit is None:
            return 0.0
        # After the earliest end a permit of this window is still good: if the next one is charged,
        # its own count says so.
        if self._left <= 0:
            return self._latest_end - now
        return self._next_at - now

    def _let_through(self, now: float) -> Ticket:
        ticket = Ticket(self._window, self._answered, now)
        self.sent += 1
        self._used += 1
        if self._is_probing:
            self._probes += 1
        elif self._limit is not None:
            self._left -= 1
            # A request that is sent just before the end is charged to the next window.
            time_left = self._earliest_end - now - 3 * self._latency
            if self.wanted is not None and self.wanted <= self._left:
                time_left = 0.0
            self._next_at = now + max(0.0, time_left * (1 - _RESERVE)) / max(1, self._left)
        if self.wanted is not None:
            self.wanted = max(0, self.wanted - 1)
        return ticket

    def _end_window(self) -> None:
        if self._limit is not None and self._limit.quota and self._window > 0:
            self.windows.append((self._used, self._limit.quota))
        self._window += 1
        self._used = 0
        self._is_probing, self._probes = True, 0

    def answered(self, ticket: Ticket, limit: Limit | None) -> None:
        """Take in an answer that was no refusal, and what it says of the window."""
        with self._changed:
            now = self._clock()
            self._answered += 1
            self._latency += 0.1 * (now - ticket.sent_at - self._latency)
            # What was sent in an earlier window tells nothing of this one.
            if ticket.window != self._window:
                return
            self._refusals = 0
            is_news = self._is_probing
            if limit is not None:
                self._follow(ticket, limit, now)
            elif self._is_probing:
                self._limit, self._is_probing = None, False
            if is_news:
                self._changed.notify_all()

    def _follow(self, ticket: Ticket, limit: Limit, now: float) -> None:
        earliest = ticket.sent_at + limit.reset_s - limit.rounding_s
        rest = limit.reset_s + limit.rounding_s
        latest = now + min(rest, limit.window_s or rest) + _TIMER_S
        # Requests under way at the same time may or may not be in the server's count.
        unsure = self.sent - ticket.answered_before - 1
        surely_left = limit.remaining - unsure
        is_new = self._limit is None or self._is_probing
        if is_new or earliest > self._latest_end or latest < self._earliest_end:
            self._earliest_end, self._latest_end = earliest, latest
            self._left, self._next_at = surely_left, now
        else:
            self._earliest_end = max(self._earliest_end, earliest)
            self._latest_end = min(self._latest_end, latest)
            # Fewer left than counted here: somebody else uses the same limit.
            if limit.remaining < self._left:
                self._left = surely_left
            self._left = max(self._left, surely_left)
        self._limit, self._is_probing = limit, False

    def refuse(self, ticket: Ticket, limit: Limit | None, retry_after_s: float | None) -> None:
        """Take in a refusal (429): nothing is let through until the server permits it again."""
        with self._changed:
            now = self._clock()
            self._answered += 1
            self.refused += 1
            # Those that were under way together are refused together.
            if ticket.window == self._window:
                self._refusals += 1
                self._window += 1
                self._used = 0
            wait = _SILENT_REFUSAL_S * 2 ** min(self._refusals, 6)
            if retry_after_s is not None:
                wait = retry_after_s + _TIMER_S
            elif limit is not None:
                wait = limit.reset_s + limit.rounding_s + _TIMER_S
            until = now + wait
            # A wait in whole seconds may end just before the window does.
            if until < self._latest_end <= until + 1.0:
                until = self._latest_end
            self._blocked_until = max(self._blocked_until, until)
            self._is_probing, self._probes = True, 0
            self._changed.notify_all()

    def fail(self, ticket: Ticket, retry_after_s: float = 0.0) -> None:
        """Take in that no whole answer came, and that the server asked to wait, if it did."""
        with self._changed:
            self._answered += 1
            if ticket.window == self._window and self._is_probing:
                self._probes = 0
            if retry_after_s:
                until = self._clock() + retry_after_s + _TIMER_S
                self._blocked_until = max(self._blocked_until, until)
            self._changed.notify_all()

    def status(self) -> GateStatus:
        """Return what is left of the window."""
        with self._changed:
            if self._limit is None:
                return GateStatus(None, None, None, None)
            reset = max(0.0, max(self._latest_end, self._blocked_until) - self._clock())
            left = 0 if self._is_probing else max(0, self._left)
            return GateStatus(left, self._limit.quota, reset, self._limit.window_s)
