"""Made-up rows of structure_scores: near copies of a few structures."""

import numpy as np
import pandas as pd


def copies(
    n_groups: int = 24,
    n_per_group: int = 5,
    seed: int = 0,
    benchmarks: tuple[str, ...] = ("mmlu",),
) -> pd.DataFrame:
    """Return models whose score depends on nothing but which structure they copy.

    Any feature tells the structure, and nothing about the score of another one.
    """
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), n_per_group)
    n = len(group)
    score = generator.uniform(20, 80, n_groups)[group] + generator.normal(0, 0.5, n)
    rows = pd.DataFrame(
        {
            "model_id": [f"owner/model-{number:04}" for number in range(n)],
            "leaderboard": "open_llm_v1",
            "structure_tier": "exact",
            "family": [f"family-{number // 4}" for number in group],
            "is_official": np.arange(n) % 2 == 0,
            "training_type": np.where(np.arange(n) % 3 == 0, "pretrained", "chat"),
            "size": generator.uniform(1, 70, n_groups)[group],
            "date": pd.Timestamp("2023-01-01") + pd.to_timedelta(np.arange(n), "D"),
            "layers": 10 + generator.permutation(n_groups)[group],
            "d_model": 64 * (1 + generator.permutation(n_groups)[group]),
            "d_ffn": 256 * (1 + generator.permutation(n_groups)[group]),
            "heads": 1 + generator.permutation(n_groups)[group],
        }
    )
    return pd.concat(
        [rows.assign(benchmark=name, score=score) for name in benchmarks], ignore_index=True
    )
