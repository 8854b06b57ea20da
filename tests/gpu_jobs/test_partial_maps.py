"""Maps measured in parts by several jobs, and lazily, against maps measured whole."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from gpu_jobs.criteria import Relevance
from gpu_jobs.lazy import lazily
from gpu_jobs.partial_maps import ranges
from gpu_jobs.paths import Path as Removed
from gpu_jobs.paths import iterative, left
from gpu_jobs.relevance import main
from tests.gpu_jobs import hub_data, tiny

N = 12


def _table(seed: int, least: float) -> Any:
    """Return relevance by removed set: each layer gains at least `least` by each removal."""
    draw = np.random.default_rng(seed)
    alone, gains = draw.random(N).round(1), draw.uniform(least, 0.3, (N, N))
    ties = draw.random(N)

    def measure(path: Removed) -> Relevance:
        names = left(path, N)
        values = tuple(float(alone[n] + gains[n, list(path)].sum()) for n in names)
        return Relevance(values, tuple(float(ties[n] + len(path)) for n in names))

    return measure


@pytest.mark.parametrize("seed", range(20))
def test_lazily_the_path_is_the_same_where_relevance_grows(seed: int) -> None:
    exact = _table(seed, 0.0)
    known: dict[Removed, Relevance] = {}
    n_measured = 0

    def measure(path: Removed) -> Relevance:
        nonlocal n_measured
        if not path:
            known[path] = exact(path)
            return known[path]
        before = dict(zip(left(path[:-1], N), range(N), strict=False))
        stale = known[path[:-1]].of([before[name] for name in left(path, N)])
        asked: list[int] = []

        def again(places: Any) -> Relevance:
            asked.extend(places)
            return exact(path).of(places)

        found, fresh = lazily(stale, again)
        assert sorted(asked) == [place for place, now in enumerate(fresh) if now]
        n_measured += len(asked)
        known[path] = found
        return Relevance(
            tuple(v if f else np.inf for v, f in zip(found.values, fresh, strict=True)),
            found.ties,
        )

    assert iterative(N, 6, measure) == iterative(N, 6, exact)
    assert n_measured < 0.9 * sum(N - step for step in range(1, 6))


def test_ranges_hold_every_layer_once_and_about_the_same_work() -> None:
    names = [0, 2, 3, *range(5, 30)]
    for n_parts in (1, 2, 3, 7):
        found = ranges(names, n_parts)
        assert [name for some in found for name in some] == names
        work = [sum(len(names) - names.index(name) for name in some) for some in found]
        assert max(work) < sum(work) / n_parts + len(names)
    assert ranges([4, 5], 3) == [[4], [5]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("partial")
    made = tiny.build("llama", 7, num_hidden_layers=6, max_position_embeddings=512)
    texts = [f"the {word} and the sun" for word in ("stone", "grass", "wind", "moon", "sea")]
    asked = ["--model", tiny.save(made, folder / "tiny"), "--device", "cpu", "--share", 0.5]
    asked += ["--texts", tiny.write_texts(folder / "t.jsonl", texts), "--tasks", "winogrande"]
    asked += ["--eval-data", hub_data.write(folder / "data"), "--criteria", "perplexity"]
    return [str(one) for one in asked]


def _maps(output: Path, table: str = "layer_relevance") -> list[tuple[Any, ...]]:
    return duckdb.sql(
        "select task, removed_layers, layer, relevance, tie, score_without, n_scored, method, step "
        f"from '{output}/{table}/*.parquet' where criterion = 'perplexity' order by all"
    ).fetchall()


def test_jobs_share_the_parts_of_a_map(asked: list[str], tmp_path: Path) -> None:
    assert main([*asked, "--output", str(tmp_path / "whole")]) == 0
    shared = tmp_path / "shared"
    command = [sys.executable, "-m", "gpu_jobs.relevance", *asked, "--parts", "3"]
    jobs = [
        subprocess.Popen(
            [*command, "--output", str(shared)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]
    said = [job.communicate(timeout=300) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], said
    # Both print the same map, of which each part was computed once.
    assert said[0][0] == said[1][0] != ""
    n_maps = len(list((shared / "layer_relevance").glob("*.parquet")))
    assert len(list((shared / "layer_relevance_parts").glob("*.parquet"))) == 3 * n_maps
    one, other = _maps(tmp_path / "whole"), _maps(shared)
    assert len(one) == len(other) > 0
    for row, part in zip(one, other, strict=True):
        assert row[:3] == part[:3]
        assert part[3:6] == pytest.approx(row[3:6], rel=1e-4)
        assert row[6:] == part[6:]


def test_lazy_paths_say_what_was_measured(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [*asked, "--output", str(tmp_path), "--paths", "iterative", "--lazy"]
    assert main(run) == 0
    said = capsys.readouterr().err
    assert "lazily, 1 removed: " in said
    rows = _maps(tmp_path)
    assert {row[7] for row in rows if row[8] == 0} == {"exact"}
    later = [row for row in rows if row[8] > 0]
    assert {row[7] for row in later} == {"lazy"}
    # What was not measured again has its relevance of the step before, and no score.
    assert all((row[5] is None) == (row[6] == 0) for row in later)
    first = {(row[0], row[2]): row[3] for row in rows if row[8] == 0}
    second = [row for row in later if row[8] == 1]
    assert all(row[3] == first[row[0], row[2]] for row in second if row[6] == 0)
    paths = duckdb.sql(f"select distinct method from '{tmp_path}/pruning_paths/*.parquet'")
    assert paths.fetchall() == [("lazy",)]
    assert main([*run, "--racing", "0.05"]) == 1
    assert "leave out --lazy, or --racing" in capsys.readouterr().err
