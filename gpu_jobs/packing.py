"""Packing prompts with their answers into rows in which each common beginning stands once.

A row is a tree of tokens laid out from left to right, every branch after the one before. A token
attends to those on its own way from the root, so that what a model says at it is what it says at
the end of that way alone. What many rows begin with, such as a subject's examples, can be taken
off them, to be read once for all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

#: A row goes on with a sequence that has this share of its tokens there already.
_SHARED = 0.5
_LONGEST_ROW = 2048
#: A beginning is worth a pass of its own from this many tokens and sequences on.
_LONG_PREFIX = 64
_MANY = 3


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


@dataclass(frozen=True)
class Family:
    """Rows that follow the same tokens.

    Attributes:
        prefix: token ids that come before every row; empty if the rows begin in their own ways.
        rows: the rows without them, the longest first.
    """

    prefix: tuple[int, ...]
    rows: list[Row]


def families(
    requests: Sequence[Request], least: int, longest: int, share: bool = True
) -> list[Family]:
    """Return rows that hold all requests, those with a long common beginning apart from it.

    Args:
        requests: prompts with answers.
        least: tokens that a family has at least; smaller ones stay among the rows without prefix.
        longest: tokens of a prefix at most.
        share: as in `pack`.
    """
    found: list[Family] = []
    others: list[Request] = []
    for group, common in _groups(sorted(requests, key=lambda one: one.read)):
        length = min(common, longest)
        shorter = [replace(one, prompt=one.prompt[length:]) for one in group]
        rows = pack(shorter, share)
        n_tokens = length + sum(len(row.tokens) for row in rows)
        several = len({one.read for one in group}) >= _MANY
        if length >= _LONG_PREFIX and several and n_tokens >= least:
            found.append(Family(group[0].prompt[:length], rows))
        else:
            others += group
    return [*found, *([Family((), pack(others, share))] if others else [])]


def _groups(requests: Sequence[Request]) -> Iterator[tuple[list[Request], int]]:
    """Yield sorted requests that begin alike, with the length of what all their prompts share."""
    group: list[Request] = []
    length = 0
    for request in requests:
        # A token of each prompt stays, for it predicts the answer's first one.
        longest = len(request.prompt) - 1
        common = min(length, longest, _common(group[-1].read, request.read)) if group else 0
        if group and common < _SHARED * len(request.read):
            yield group, length
            group = []
        length = common if group else longest
        group.append(request)
    if group:
        yield group, length


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
        # What is there already makes no row longer.
        new = len(read) - common
        if open_row and (common < wanted or (new and length + new > _LONGEST_ROW)):
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
