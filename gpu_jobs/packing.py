"""Packing prompts with their answers into rows in which each common beginning stands once.

A row is a tree of tokens laid out from left to right, every branch after the one before. A token
attends to those on its own way from the root, so that what a model says at it is what it says at
the end of that way alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: A row goes on with a sequence that has this share of its tokens there already.
_SHARED = 0.5
_LONGEST_ROW = 2048


@dataclass(frozen=True)
class Request:
    """A sequence of tokens, the last of which are an answer to be scored.

    Attributes:
        number: its place in the caller's list.
        prompt: token ids, at least one.
        answer: token ids, at least one.
    """

    number: int
    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def read(self) -> tuple[int, ...]:
        """The tokens that the model reads: all but the answer's last one."""
        return (*self.prompt, *self.answer[:-1])


@dataclass(frozen=True)
class Row:
    """Requests in one row.

    Attributes:
        tokens: token ids, each after those it follows in its sequences.
        depths: of each token, how many come before it in its sequences.
        paths: of each request, the positions in the row of the tokens it reads.
        requests: the requests, in the order of `paths`.
    """

    tokens: np.ndarray
    depths: np.ndarray
    paths: tuple[np.ndarray, ...]
    requests: tuple[Request, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the row is one sequence, for which the usual causal mask is right."""
        return bool((self.depths == np.arange(len(self.depths))).all())

    def scored(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield of each request the positions that its answer is predicted from, and the answer."""
        for request, path in zip(self.requests, self.paths, strict=True):
            yield path[-len(request.answer) :], np.asarray(request.answer)

    def attended(self) -> np.ndarray:
        """Return which tokens each token attends to, shape (tokens, tokens), true where it does."""
        found = np.zeros((len(self.tokens), len(self.tokens)), dtype=bool)
        done = 0
        for path in self.paths:
            new = path[path >= done]
            if not len(new):
                continue
            found[np.ix_(new, path[path < done])] = True
            found[np.ix_(new, new)] = np.tri(len(new), dtype=bool)
            done = int(new[-1]) + 1
        return found


def pack(requests: Sequence[Request], share: bool = True) -> list[Row]:
    """Return rows that hold all requests, the longest rows first.

    Args:
        requests: prompts with answers.
        share: False gives each sequence a row of its own. Requests that read the same tokens
            are in one row either way.
    """
    rows: list[Row] = []
    open_row: list[Request] = []
    length = 0
    before: tuple[int, ...] = ()
    for request in sorted(requests, key=lambda one: one.read):
        read = request.read
        common = _common(before, read)
        wanted = _SHARED * len(read) if share else len(read) if len(before) == len(read) else np.inf
        if open_row and (common < wanted or length + len(read) - common > _LONGEST_ROW):
            rows.append(_row(open_row))
            open_row, length, common = [], 0, 0
        open_row.append(request)
        length += len(read) - common
        before = read
    if open_row:
        rows.append(_row(open_row))
    return sorted(rows, key=lambda row: (-len(row.tokens), row.tokens.tolist()))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the number of tokens that both begin with."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


def _row(requests: list[Request]) -> Row:
    """Lay out requests that are sorted by what they read."""
    tokens: list[int] = []
    depths: list[int] = []
    paths: list[np.ndarray] = []
    before: tuple[int, ...] = ()
    path = np.zeros(0, dtype=np.int64)
    for request in requests:
        read = request.read
        common = _common(before, read)
        new = np.arange(len(tokens), len(tokens) + len(read) - common)
        tokens.extend(read[common:])
        depths.extend(range(common, len(read)))
        path = np.concatenate([path[:common], new])
        paths.append(path)
        before = read
    return Row(np.asarray(tokens), np.asarray(depths), tuple(paths), tuple(requests))
