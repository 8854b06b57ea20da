"""Rate limits of fixed windows, per asker and bucket, and the headers that tell of them."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Bucket = Literal["api", "resolvers", "pages"]

#: Requests a window of five minutes, as the Hub's documentation gives them.
TIERS: dict[str, dict[Bucket, int]] = {
    "anonymous": {"api": 500, "resolvers": 3_000, "pages": 100},
    "free": {"api": 1_000, "resolvers": 5_000, "pages": 200},
    "pro": {"api": 2_500, "resolvers": 12_000, "pages": 400},
    "team": {"api": 3_000, "resolvers": 20_000, "pages": 400},
    "enterprise": {"api": 6_000, "resolvers": 50_000, "pages": 600},
    "enterprise_plus": {"api": 10_000, "resolvers": 100_000, "pages": 1_000},
}


def bucket_of(path: str) -> Bucket:
    """Return the bucket that a request's path counts in."""
    if "/resolve/" in path or path.startswith("/api/resolve-cache/"):
        return "resolvers"
    return "api" if path.startswith("/api/") or ".git/info/lfs/" in path else "pages"


@dataclass(frozen=True)
class Verdict:
    """Whether a request may pass, and what its answer's headers say."""

    bucket: Bucket
    permitted: bool
    limit: int
    remaining: int
    reset: int
    window: int

    def headers(self, reset_skew: float = 0) -> dict[str, str]:
        """Return the headers `RateLimit` and `RateLimit-Policy`."""
        reset = max(0, round(self.reset + reset_skew))
        policy = f'"fixed window";"{self.bucket}";q={self.limit};w={self.window}'
        return {
            "RateLimit": f'"{self.bucket}";r={self.remaining};t={reset}',
            "RateLimit-Policy": policy,
        }


@dataclass
class Limits:
    """Counts requests in windows of `window` seconds; the first begins with the first request.

    Attributes:
        window: seconds a window lasts; the Hub's is 300.
        overrides: limits of a bucket in place of every tier's.
        retry_after: whether a 429 carries `Retry-After` too.
        clock: tells the seconds; a test may put its own in place.
        permitted: requests let through, by bucket.
        refused: requests refused, by bucket.
    """

    window: float = 300
    overrides: Mapping[Bucket, int] = field(default_factory=dict)
    retry_after: bool = False
    clock: Callable[[], float] = time.monotonic
    permitted: Counter[Bucket] = field(default_factory=Counter)
    refused: Counter[Bucket] = field(default_factory=Counter)
    _start: float | None = None
    _number: int = -1
    _used: Counter[tuple[str, Bucket]] = field(default_factory=Counter)

    def admit(self, asker: str, tier: str, bucket: Bucket) -> Verdict:
        """Count a request and say whether it is within the limit."""
        now = self.clock()
        self._start = now if self._start is None else self._start
        number, since = divmod(now - self._start, self.window)
        if number != self._number:
            self._number = int(number)
            self._used.clear()
        limit = self.overrides.get(bucket, TIERS[tier][bucket])
        used = self._used[asker, bucket]
        permitted = used < limit
        if permitted:
            self._used[asker, bucket] = used = used + 1
        (self.permitted if permitted else self.refused)[bucket] += 1
        left = math.ceil(self.window - since)
        window = max(1, round(self.window))
        return Verdict(bucket, permitted, limit, limit - used, left, window)
