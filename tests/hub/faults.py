"""Faults on demand: rules that pick requests, and what happens to those."""

import random
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

FaultKind = Literal[
    "status",  # answers `status` with `body` and `headers`, before anything is done
    "slow",  # answers after `seconds`
    "trickle",  # sends the body in ten pieces, with `seconds` before each
    "silent",  # accepts the request and never answers
    "drop",  # closes the connection without an answer
    "cut",  # does what was asked, then closes in the middle of the body (no body: before it)
    "content_length",  # announces `delta` bytes more than it sends; if negative, leaves bytes out
    "invalid_json",  # answers 200 with JSON that breaks off
    "html",  # answers 200 with a page of HTML
    "huge",  # answers 200 with a valid config of `size` bytes
    "redirect",  # answers `status` 307 to the other host, or to `location`
    "skew",  # moves the header Date by `seconds`, and the reset time by `reset_seconds`
    "remove",  # removes the repo that is asked for, before it is looked up
    "change",  # commits to the repo that is asked for, so that its sha changes, before that
]


@dataclass
class Fault:
    """A rule. It matches requests, and fires on some of those.

    Attributes:
        kind: what happens.
        match: a regular expression, searched in `path?query`.
        method: only this method, if given.
        host: only requests to the `hub` or to the `other` host, if given.
        nth: fires on the nth matching request only, counted from 1.
        probability: fires on this share of the matching requests; the server's seed decides.
        times: fires at most so often; None is always.
        status: for `status` and `redirect`.
        body: text for `status`; by default an error as the Hub writes it.
        headers: further headers for `status`.
        seconds: for `slow`, `trickle` and `skew`.
        reset_seconds: for `skew`.
        delta: for `content_length`.
        size: bytes, for `huge`.
        location: for `redirect`.
    """

    kind: FaultKind
    match: str = ""
    method: str | None = None
    host: str | None = None
    nth: int | None = None
    probability: float = 1.0
    times: int | None = None
    status: int = 500
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    reset_seconds: float = 0.0
    delta: int = 100
    size: int = 50_000_000
    location: str | None = None
    matched: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"{self.kind!r} is no fault: use {', '.join(get_args(FaultKind))}.")
        if self.kind == "redirect":
            self.status = 307 if self.status == 500 else self.status
            self.host = self.host or "hub"  # or it would go round in circles
        self._pattern = re.compile(self.match)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Fault":
        """Return the rule that a JSON object describes.

        Raises:
            ValueError: a key or the kind is unknown.
        """
        known = {f.name for f in fields(cls)} - {"matched", "fired"}
        unknown = sorted(set(values) - known)
        if unknown or "kind" not in values:
            what = f"unknown keys {', '.join(unknown)}" if unknown else "no kind"
            raise ValueError(f"{values!r} has {what}; a fault has {', '.join(sorted(known))}.")
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return the rule as plain data, with how often it matched and fired."""
        return asdict(self)

    def fires(self, host: str, method: str, target: str, chance: random.Random) -> bool:
        """Count a request, and tell whether this rule applies to it."""
        if self.method not in (None, method) or self.host not in (None, host):
            return False
        if not self._pattern.search(target):
            return False
        self.matched += 1
        if self.times is not None and self.fired >= self.times:
            return False
        if self.nth is not None and self.matched != self.nth:
            return False
        if self.probability < 1 and chance.random() >= self.probability:
            return False
        self.fired += 1
        return True
