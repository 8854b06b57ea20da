"""Requests to the Hub: paced, timed out, never with the token to another host."""

import functools
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from extract.hub.breaker import Breaker, backoff_s
from extract.hub.errors import HubError, PassingError, Refused, Stopped
from extract.hub.gate import Gate, Ticket
from extract.hub.limits import read_limit, read_retry_after

_AGENT = "modelstrata/0.1; python-requests"
#: Seconds without a connection, and without a byte, until a request is given up.
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
#: A body that only trickles is given up after this many seconds.
_BODY_TIMEOUT_S = 300.0
_CHUNK = 1 << 16
_PASSING_STATUSES = frozenset((408, 425, *range(500, 600)))
_MAX_HOPS = 3
_TRIES = 8
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Answer:
    """A whole answer, or one that was cut off here because it is too large.

    Attributes:
        url: what was asked for.
        status: HTTP status.
        headers: the answer's headers.
        body: the body, decompressed.
        is_too_large: the body is larger than was allowed; `body` is then empty.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    is_too_large: bool = False

    @property
    def error_code(self) -> str | None:
        """The Hub's own name of an error, such as `GatedRepo` or `EntryNotFound`."""
        return self.headers.get("X-Error-Code")

    @property
    def is_html(self) -> bool:
        """The body is a web page, which no API answer and no file of a repository is."""
        return "text/html" in self.headers.get("Content-Type", "")

    @property
    def target(self) -> str | None:
        """The absolute URL that a redirect points to, or None."""
        place = self.headers.get("Location")
        return urljoin(self.url, place) if place and self.status in _REDIRECTS else None


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port, with the scheme's own port where none is given."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


class _TokenForOneOrigin(requests.auth.AuthBase):
    """Adds the token to requests for the Hub's own address, whatever led to them.

    As a session's `auth` it also keeps requests from looking up passwords in a .netrc file.
    """

    def __init__(self, endpoint: str, token: str) -> None:
        self._origin = origin(endpoint)
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token and request.url and origin(request.url) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Hub:
    """One Hub, asked from many threads.

    Args:
        endpoint: its address, such as `https://huggingface.co`.
        token: a token for it, or an empty text.
        patience_s: seconds without any answer until the crawl gives up.
        seed: of the random part of waits.
    """

    def __init__(self, endpoint: str, token: str, patience_s: float = 600.0, seed: int = 0) -> None:
        self.endpoint = endpoint
        self.stop = threading.Event()
        self.gates = {bucket: Gate(bucket, self.stop) for bucket in ("api", "resolvers")}
        self.has_token = bool(token)
        self._auth = _TokenForOneOrigin(endpoint, token)
        self._local = threading.local()
        # A request of each bucket that was answered: asked again, it tells an outage of the files'
        # servers, say, from models of which none can be had.
        self._answered: dict[str, str] = {}
        self._breakers = {
            bucket: Breaker(
                endpoint, patience_s, functools.partial(self._is_back, bucket), self.stop, seed
            )
            for bucket in self.gates
        }

    def get(
        self,
        path: str,
        bucket: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int,
    ) -> Answer:
        """Ask once, as soon as the rate limit permits; refusals (429) are waited out.

        Args:
            path: a path below the Hub's address, or a URL. Redirects are not followed.
            bucket: the rate limit that is charged, `api` or `resolvers`.
            headers: further headers.
            max_bytes: a larger body is not read.

        Raises:
            PassingError: time-out, broken connection or body, or a status that may pass.
            HubDown: the Hub has not answered for too long.
            Refused: it refuses the token.
            HubError: it refuses without end.
            Stopped: the crawl was asked to stop.
        """
        url = self.endpoint + path if path.startswith("/") else path
        gate, breaker = self.gates[bucket], self._breakers[bucket]
        while True:
            breaker.wait()
            ticket = gate.enter()
            try:
                answer = self._send(url, headers, max_bytes)
            except BaseException as error:
                # Whatever it is: the next request must not wait for this one's answer.
                gate.fail(ticket)
                if isinstance(error, PassingError):
                    breaker.fail()
                raise
            if self._is_taken(answer, gate, ticket):
                return answer

    def follow(
        self,
        path: str,
        bucket: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int,
        is_end: Callable[[str], bool] = lambda _target: False,
    ) -> Answer:
        """Ask as `get` does and follow redirects, without the token where they lead elsewhere.

        Args:
            path: as in `get`.
            bucket: as in `get`.
            headers: as in `get`.
            max_bytes: as in `get`.
            is_end: tells of a redirect's target that it is not to be followed.

        Raises:
            PassingError: as in `get`.
            HubError: as in `get`.
        """
        answer = self.get(path, bucket, headers=headers, max_bytes=max_bytes)
        for _ in range(_MAX_HOPS):
            target = answer.target
            if target is None or is_end(target):
                break
            if self.is_own(target):
                answer = self.get(target, bucket, headers=headers, max_bytes=max_bytes)
            else:
                answer = self.get_elsewhere(target, headers=headers, max_bytes=max_bytes)
        return answer

    def get_elsewhere(
        self, url: str, *, headers: Mapping[str, str] | None = None, max_bytes: int
    ) -> Answer:
        """Ask another host once, unpaced; the token stays here.

        Raises:
            PassingError: as in `get`.
        """
        answer = self._send(url, headers, max_bytes)
        if answer.status in _PASSING_STATUSES or answer.status == 429:
            raise PassingError(f"http_{answer.status}", answer.status)
        return answer

    def stop_on_signals(self) -> None:
        """Let Ctrl-C and SIGTERM end a crawl where nothing is lost, with `Stopped`.

        Waits end at once, requests under way are awaited. A second one is a KeyboardInterrupt.
        """

        def end(_number: int, _frame: object) -> None:
            if self.stop.is_set():
                raise KeyboardInterrupt
            self.stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)

    def is_own(self, url: str) -> bool:
        """Tell whether a URL is on the Hub's own scheme, host and port."""
        try:
            return origin(url) == origin(self.endpoint)
        except ValueError:  # a port that is no number, say
            return False

    def insist(self, ask: Callable[[], Kept], what: str) -> Kept:
        """Ask until an answer comes whole, with growing waits between the tries.

        Args:
            ask: asks once.
            what: what is asked for, for the message.

        Raises:
            HubError: it did not come in many tries, or the Hub refuses.
            HubDown: the Hub does not answer.
            Stopped: the crawl was asked to stop.
        """
        rng = random.Random(what)
        for attempt in range(_TRIES):
            try:
                return ask()
            except PassingError as error:
                last = error
            if self.stop.wait(max(last.retry_after_s, backoff_s(attempt, rng))):
                raise Stopped
        raise HubError(
            f"{what} did not come whole in {_TRIES} tries (last: {last.code}). What was crawled is "
            "kept; run the same command again to go on."
        )

    def _is_taken(self, answer: Answer, gate: Gate, ticket: Ticket) -> bool:
        """Tell gate and breaker of an answer; return False if it was a refusal to be waited out."""
        limit = read_limit(answer.headers, gate.bucket)
        retry_after = read_retry_after(answer.headers)
        breaker = self._breakers[gate.bucket]
        if answer.status == 429:
            breaker.succeed()
            gate.refuse(ticket, limit, retry_after)
            return False
        if answer.status in _PASSING_STATUSES:
            gate.fail(ticket, retry_after or 0.0)
            breaker.fail()
            raise PassingError(f"http_{answer.status}", answer.status, retry_after or 0.0)
        breaker.succeed()
        self._answered[gate.bucket] = answer.url
        gate.answered(ticket, limit)
        if answer.status == 401 and self.has_token and answer.error_code is None:
            raise Refused(
                f"The Hub at {self.endpoint} refuses the token (401): check HF_TOKEN, or unset it "
                "to crawl without one. What was crawled is kept.",
                401,
            )
        return True

    def _session(self) -> requests.Session:
        session = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = self._auth
            session.headers["User-Agent"] = _AGENT
            session.mount("http://", HTTPAdapter(pool_connections=2, pool_maxsize=1))
            session.mount("https://", HTTPAdapter(pool_connections=2, pool_maxsize=1))
            self._local.session = session
        return session

    def _send(
        self,
        url: str,
        headers: Mapping[str, str] | None,
        max_bytes: int,
    ) -> Answer:
        options: dict[str, Any] = {
            "headers": dict(headers) if headers else None,
            "timeout": (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            "allow_redirects": False,
            "stream": True,
        }
        try:
            with self._session().get(url, **options) as response:
                body = self._read(response, max_bytes)
        except requests.Timeout as error:
            raise PassingError("timeout") from error
        except requests.exceptions.ChunkedEncodingError as error:
            raise PassingError("cut_body") from error
        except requests.exceptions.ContentDecodingError as error:
            raise PassingError("undecodable_body") from error
        except requests.ConnectionError as error:
            # A read time-out inside a body comes as a ConnectionError.
            is_late = "timed out" in str(error)
            raise PassingError("timeout" if is_late else "no_connection") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            # requests reads a Location even where it is not followed, and some cannot be read.
            raise PassingError(type(error).__name__) from error
        return Answer(url, response.status_code, response.headers, body or b"", body is None)

    def _read(self, response: requests.Response, max_bytes: int) -> bytes | None:
        """Read the body, or None if it is larger than allowed."""
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > max_bytes:
            return None
        deadline = time.monotonic() + _BODY_TIMEOUT_S
        chunks, size = [], 0
        for chunk in response.iter_content(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > max_bytes:
                return None
            if time.monotonic() > deadline:
                raise requests.ReadTimeout("the body only trickled")
        return b"".join(chunks)

    def _is_back(self, bucket: str) -> bool | str:
        """Ask again what was answered before, or for one model if nothing was.

        Returns:
            True if it is answered, False if only the latter is, or the reason why not.
        """
        known = self._answered.get(bucket)
        gate = self.gates[bucket if known else "api"]
        ticket = gate.enter()
        try:
            # The head of the answer is enough.
            answer = self._send(known or f"{self.endpoint}/api/models?limit=1", None, 0)
        except PassingError as error:
            gate.fail(ticket)
            return error.code
        limit = read_limit(answer.headers, gate.bucket)
        if answer.status == 429:
            gate.refuse(ticket, limit, read_retry_after(answer.headers))
        elif answer.status in _PASSING_STATUSES:
            gate.fail(ticket)
            return f"http_{answer.status}"
        else:
            gate.answered(ticket, limit)
        return known is not None or bucket == "api"
