"""The permitted rate is used up and never exceeded."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from extract.hub.errors import HubError
from extract.hub.gate import Gate
from extract.hub.limits import Limit, read_limit, read_retry_after
from tests.extract.crawls import crawl, landed
from tests.hub.server import HubProcess, HubServer


def test_headers_are_read_as_the_draft_says() -> None:
    headers = {
        "RateLimit": '"api";r=7;t=55, "resolvers";r=2999;t=172',
        "RateLimit-Policy": '"fixed window";"api";q=500;w=300, "resolvers";q=3000;w=300',
    }
    assert read_limit(headers, "resolvers") == Limit(2999, 172, 1, 3000, 300)
    assert read_limit(headers, "pages") == Limit(7, 55, 1, 500, 300)
    assert read_limit({"RateLimit": '"api";r=1;t=2.5'}, "api") == Limit(1, 2.5, 0, None, None)
    assert read_limit({}, "api") is read_limit({"RateLimit": "nonsense"}, "api") is None
    assert read_retry_after({"Retry-After": "12"}) == 12
    assert read_retry_after({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}) == 0
    assert read_retry_after({"Retry-After": "soon"}) is read_retry_after({}) is None


class Windows:
    """A server of fixed windows on a clock of its own, with answers that arrive out of order."""

    def __init__(self, seed: int, is_rounded_up: bool) -> None:
        self.rng = random.Random(seed)
        self.now = 1000.0
        self.quota = self.rng.choice((40, 200, 1000))
        self.window = self.rng.choice((10.0, 60.0, 300.0))
        self.start = self.now - self.rng.uniform(0, self.window)
        self.is_rounded_up = is_rounded_up
        self.used: Counter[int] = Counter()
        self.refused = 0

    def count(self) -> Limit | None:
        """Count a request; return what the answer says, or None for a refusal."""
        number, since = divmod(self.now - self.start, self.window)
        if self.used[int(number)] >= self.quota:
            self.refused += 1
            return None
        self.used[int(number)] += 1
        left = self.window - since
        left = -(-left // 1) if self.is_rounded_up else left // 1
        return Limit(self.quota - self.used[int(number)], left, 1, self.quota, self.window)


@pytest.mark.parametrize("seed", range(12))
def test_on_a_simulated_clock_no_permit_is_wasted_or_overdrawn(seed: int) -> None:
    """Sixteen requests at a time, each under way for a random time before and after it counts."""
    server = Windows(seed, is_rounded_up=bool(seed % 2))
    gate = Gate("resolvers", threading.Event(), clock=lambda: server.now)
    end = server.now + 8 * server.window
    events: list[tuple[float, int, str, object]] = []
    number = under_way = 0
    latency = server.rng.choice((0.02, 0.1, 0.3))
    threads = max(16, round(4 * latency * server.quota / server.window))
    while server.now < end:
        while under_way < threads and gate.wait_s() <= 0:
            ticket = gate.enter()
            number, under_way = number + 1, under_way + 1
            arrival = server.now + server.rng.uniform(0, latency)
            events.append((arrival, number, "count", ticket))
        wait = gate.wait_s() if under_way < threads else 1.0
        step = min([max(0.001, wait), *(at - server.now for at, *_ in events)])
        server.now += max(0.0, step)
        for event in sorted(e for e in events if e[0] <= server.now):
            events.remove(event)
            _, key, kind, what = event
            if kind == "count":
                answer = (what, server.count())
                back = server.now + server.rng.uniform(0, latency)
                events.append((back, key, "answer", answer))
                continue
            under_way -= 1
            ticket, limit = what  # type: ignore[misc]
            assert limit is not None
            gate.answered(ticket, limit)
    whole = sorted(server.used)[1:-1]
    share = sum(server.used[w] for w in whole) / (server.quota * len(whole))
    print(f"{server.quota} in {server.window:.0f} s: {share:.1%} over {len(whole)} windows")
    assert server.refused == 0
    assert share >= 0.95


def test_refusals_are_waited_out_exactly_and_not_for_ever() -> None:
    now = [0.0]
    gate = Gate("api", threading.Event(), clock=lambda: now[0])
    for _ in range(11):
        ticket = gate.enter()
        gate.refuse(ticket, None, 7.0)
        assert gate.wait_s() == pytest.approx(7.0, abs=0.05)
        now[0] += 7.1
    with pytest.raises(HubError, match="refused 11 requests in a row"):
        gate.enter()


def test_who_shares_a_limit_slows_down_with_the_other() -> None:
    """Another program uses most of the same token's window: what it leaves is not overdrawn."""
    used = 0
    gate = Gate("api", threading.Event(), clock=lambda: 0.0)
    sent = 0
    while gate.wait_s() <= 0 or sent == 0:
        gate.wanted = 0  # at once, not spread
        ticket = gate.enter()
        sent += 1
        used = min(100, used + 3)
        gate.answered(ticket, Limit(100 - used, 60, 1, 100, 60))
    assert used == 100
    assert sent == 34


def test_crawls_use_short_windows_up_and_are_never_refused(tmp_path: Path) -> None:
    limits = {"resolvers": 60, "api": 20}
    with HubProcess(220, window=2, limits=limits) as hub:
        said = crawl(hub, tmp_path, token=hub.token)
        counters = hub.counters()
        assert counters["api"]["refused"] == counters["resolvers"]["refused"] == 0
        asked = hub.requests("resolve-cache")
        assert len(asked) == len(landed(tmp_path, "hub_configs"))
        windows = Counter(int((r["time"] - asked[0]["time"]) // 2) for r in asked)
        print(said)
        assert max(windows.values()) < 2 * limits["resolvers"]
        assert "of the permitted rate" in said


@pytest.mark.parametrize("says_when", [True, False])
def test_a_used_up_window_costs_one_round_of_refusals(tmp_path: Path, says_when: bool) -> None:
    """Somebody has used the window up before the first request: that cannot be known."""
    with HubServer(50, window=1, limits={"resolvers": 20}, retry_after=says_when) as hub:
        with ThreadPoolExecutor(4) as pool:
            import requests

            url = f"{hub.url}/api/resolve-cache/models/a/b/{'0' * 40}/config.json"
            for _ in pool.map(lambda _: requests.get(url, timeout=5), range(19)):
                pass
        crawl(hub, tmp_path)
        assert len(landed(tmp_path, "hub_configs")) > 20
        assert hub.counters()["resolvers"]["refused"] <= 1
