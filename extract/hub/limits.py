"""What the server says of its rate limits: `RateLimit`, `RateLimit-Policy` and `Retry-After`.

The two RateLimit headers follow draft-ietf-httpapi-ratelimit-headers-09:
`RateLimit: "resolvers";r=2999;t=172` and
`RateLimit-Policy: "fixed window";"resolvers";q=3000;w=300`.
"""

import email.utils
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

_LIMIT = re.compile(r'"([^"]*)"\s*;\s*r\s*=\s*(\d+)\s*;\s*t\s*=\s*(\d+(?:\.\d+)?)')
_POLICY = re.compile(r'"([^"]*)"\s*;\s*q\s*=\s*(\d+)\s*;\s*w\s*=\s*(\d+(?:\.\d+)?)')


@dataclass(frozen=True)
class Limit:
    """The state of a fixed window as an answer tells it.

    Attributes:
        remaining: requests left in the window.
        reset_s: seconds until the window ends, as stated.
        rounding_s: how far the true end may lie from the stated one, in seconds. Whole seconds may
            be rounded up, down or to the nearest.
        quota: requests that a window permits, if the policy is stated.
        window_s: length of a window in seconds, if the policy is stated.
    """

    remaining: int
    reset_s: float
    rounding_s: float
    quota: int | None
    window_s: float | None


def read_limit(headers: Mapping[str, str], bucket: str) -> Limit | None:
    """Read the limit that counts for `bucket`, or None if the answer states none.

    Of several, the one with the bucket's name counts, else the one with the fewest requests left.
    """
    found = _LIMIT.findall(headers.get("RateLimit", ""))
    if not found:
        return None
    name, remaining, reset = min(found, key=lambda item: (item[0] != bucket, int(item[1])))
    policies = {item[0]: item for item in _POLICY.findall(headers.get("RateLimit-Policy", ""))}
    policy = policies.get(name)
    return Limit(
        remaining=int(remaining),
        reset_s=float(reset),
        rounding_s=0.0 if "." in reset else 1.0,
        quota=int(policy[1]) if policy else None,
        window_s=float(policy[2]) if policy else None,
    )


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, or None; it may also be a date."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date - datetime.now(UTC)).total_seconds()) if date.tzinfo else None
