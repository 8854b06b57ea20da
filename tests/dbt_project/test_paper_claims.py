"""What the claims compare scores by, against a plain bootstrap with numpy on the snapshot."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tests.dbt_project.conftest import Warehouse

BENCHMARKS = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")
RANGES = {"size_5_10": (5, 10), "size_10_20": (10, 20), "size_20_40": (20, 40)}
N_DRAWS = 400

Key = tuple[str, str, str]


def test_differences_are_those_of_a_bootstrap_over_families(snapshot: Warehouse) -> None:
    scores = snapshot.connection.sql(
        "from intermediate.int_benchmark_scores_described where leaderboard = 'open_llm_v1' "
        "and not is_flagged and not is_failed_generation order by model_id, benchmark"
    ).df()
    group = pd.factorize(scores["family"].fillna("model " + scores["model_id"]))[0]
    n_groups = group.max() + 1
    generator = np.random.default_rng(0)
    counts = np.vstack(
        [np.ones(n_groups), generator.multinomial(n_groups, [1 / n_groups] * n_groups, N_DRAWS)]
    )
    y = scores["score"].to_numpy()

    def sums(rows: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return number, sum and sum of squares of the rows in each draw."""
        drawn = [
            counts @ np.bincount(group[rows], part[rows], n_groups)
            for part in (np.ones_like(y), y, y**2)
        ]
        return drawn[0], drawn[1], drawn[2]

    wanted: dict[Key, np.ndarray] = {}
    size, kind = scores["rounded_size"], scores["training_type"]
    for name in BENCHMARKS:
        here = scores["benchmark"] == name
        for item, (lower, upper) in RANGES.items():
            n, total, _ = sums(here & (size >= lower) & (size < upper))
            wanted["size_range", name, item] = total / n
        n, total, squares = sums(here)
        wanted["spread", "open_llm_v1", name] = np.sqrt(squares / n - (total / n) ** 2)
        gain, weight = np.zeros(len(counts)), np.zeros(len(counts))
        for size_class in scores["size_class"].dropna().unique():
            classed = here & (scores["size_class"] == size_class)
            n_before, before, _ = sums(classed & (kind == "pretrained"))
            n_after, after, _ = sums(classed & kind.isin(["fine-tuned", "chat"]))
            both = (n_before > 0) & (n_after > 0)
            change = after[both] / n_after[both] - before[both] / n_before[both]
            gain[both] += n_before[both] * change
            weight[both] += n_before[both]
        wanted["post_training", "open_llm_v1", name] = gain / weight

    frame = snapshot.connection.table("intermediate.int_score_draws").df()
    found = {
        key: rows.sort_values("draw")["value"].to_numpy()
        for key, rows in frame.groupby(["evidence", "subject", "item"])
    }
    assert set(found) == set(wanted)
    compared = 0
    for one, other in itertools.combinations(sorted(wanted), 2):
        if one[:2] != other[:2]:
            continue
        ours, theirs = found[one] - found[other], wanted[one] - wanted[other]
        assert ours[0] == pytest.approx(theirs[0], abs=1e-6)
        ends, plain = (np.quantile(d[1:], [0.025, 0.975]) for d in (ours, theirs))
        # Two bootstraps differ by chance, their ends by a part of the width.
        width = plain[1] - plain[0]
        assert ends == pytest.approx(plain, abs=0.25 * width), (one, other)
        compared += 1
    assert compared == 6 * 3 + 15 + 15
