"""Maps of relevance that are not measured whole: in parts by several jobs, or lazily."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpu_jobs.criteria import BY_OUTPUT, Relevance
from gpu_jobs.lazy import lazily
from gpu_jobs.relevance_maps import Advance, Maps, Rows


def ranges(names: Sequence[int], n_parts: int) -> list[list[int]]:
    """Return layers in ranges of about the same work: a low one walks more layers than a high one.

    Args:
        names: layers, ascending.
        n_parts: how many ranges, or as many as there are layers.
    """
    passes = np.cumsum([len(names) - place for place in range(len(names))])
    part = np.minimum((passes - 1) * n_parts // passes[-1], n_parts - 1)
    found = [[name for name, p in zip(names, part, strict=True) if p == n] for n in range(n_parts)]
    return [some for some in found if some]


def merged(parts: Sequence[Rows], columns: Sequence[str]) -> Rows:
    """Return the rows of a whole map from those of its parts.

    Its seconds are those of all parts together, its memory that of the part that took most.

    Args:
        parts: rows of each part.
        columns: those that are measured; the others say how a part was made.
    """
    whole = {
        "seconds": sum(rows[0]["seconds"] for rows in parts),
        "peak_memory_bytes": max(rows[0]["peak_memory_bytes"] for rows in parts),
    }
    found = [{name: row[name] for name in columns} for rows in parts for row in rows]
    return [{**row, **whole} for row in found]


def lazy_rows(
    maps: Maps, criterion: str, before: Rows, advance: Advance, say: Callable[[str], None]
) -> Rows:
    """Return a row a layer; those not measured again have their relevance of one step earlier.

    Args:
        maps: the model without the removed layers, and items.
        criterion: one that needs removals.
        before: rows of the criterion one step earlier.
        advance: see `Advance`; whole answers of each round.
        say: takes a line about what was saved.
    """
    names, number = maps.names, dict(zip(maps.names, maps.numbers, strict=True))
    stale = {row["layer"]: (row["relevance"], row["tie"]) for row in before}
    measured: dict[int, dict[str, Any]] = {}
    cost: list[int] = []

    def measure(places: Sequence[int]) -> Relevance:
        among = [names[place] for place in sorted(places)]
        rows = maps.by_removal(criterion in BY_OUTPUT, advance, among=among)
        measured.update({row["layer"]: row for row in rows if row["criterion"] == criterion})
        cost.append(maps.passes(number[name] for name in among))
        found = [measured[names[place]] for place in places]
        # Where accuracy is undefined nothing can be told, whatever was true before.
        undefined = any(row["relevance"] is None for row in found)
        values = [-np.inf if undefined else row["relevance"] for row in found]
        return Relevance(tuple(values), tuple(row["tie"] or 0.0 for row in found))

    pairs = [stale[name] for name in names]
    now, fresh = lazily(
        Relevance(tuple(value for value, _ in pairs), tuple(tie for _, tie in pairs)), measure
    )
    full = maps.passes(number.values())
    say(
        f"lazily, {len(maps.path)} removed: {sum(fresh)} of {len(names)} removals measured again, "
        f"{sum(cost)} of {full} passes through layers"
    )
    shared = next(iter(measured.values()))
    if shared["relevance"] is None:
        return [{**shared, "layer": name} for name in names]
    whole = {
        "seconds": sum({row["seconds"] for row in measured.values()}),
        "peak_memory_bytes": max(row["peak_memory_bytes"] for row in measured.values()),
    }
    rows = []
    for place, name in enumerate(names):
        old = {"layer": name, "score_without": None, "n_scored": 0}
        row = measured.get(name, {**shared, **old})
        rows.append({**row, "relevance": now.values[place], "tie": now.ties[place], **whole})
    return rows
