"""Results that the Hub holds and the first leaderboard's archive, with what goes wrong in them."""

import json
from pathlib import Path
from typing import Any

from tests.dbt_project.zone import Row, land, listing, v1

HLE = "cais/hle"
MMLU_SUBJECTS = 57


def entry(dataset: object, value: object, file: str, task: str | None = None, **more: Any) -> Row:
    """Return an entry of `evalResults`; `verified` and `pullRequest` stand beside its data."""
    outer = {name: more.pop(name) for name in ("verified", "pullRequest") if name in more}
    data = {"dataset": {"id": dataset, "task_id": task}, "value": value, **more}
    return {"filename": f".eval_results/{file}.yaml", **outer, "data": data}


def carded(dataset: object, metric: str, value: object, source: object = None, **more: Any) -> Row:
    """Return a result of a model's card with one metric."""
    return {
        "task": {"type": "text-generation"},
        "dataset": {"type": dataset, "name": f"{dataset} (5-Shot)", **more},
        "metrics": [{"type": metric, "value": value}],
        "source": source,
    }


def ranking(model: str, value: object, file: str, day: str = "2026-11-02", **more: Any) -> Row:
    """Return a row of `hub_leaderboards` of Humanity's Last Exam."""
    shown = {"modelId": model, "value": value, "filename": f".eval_results/{file}.yaml", **more}
    return {
        "dataset_id": HLE,
        "task_id": "",
        "model_id": model,
        "payload": json.dumps(shown),
        "source": "hub",
        "fetched_at": f"{day} 00:00:00+00",
    }


def archived(model: str, base: float, **more: Any) -> Row:
    """Return a row of `open_llm_v1_results`: fractions, base, base + 0.01, …, base + 0.05."""
    names = ("arc:challenge|25", "hellaswag|10", "", "truthfulqa:mc|0", "winogrande|5", "gsm8k|5")
    metrics = ("acc_norm", "acc_norm", "acc", "mc2", "acc", "acc")
    results: dict[str, Row] = {
        f"harness|{name}": {metric: base + step / 100, "acc_stderr": 0.01}
        for step, (name, metric) in enumerate(zip(names, metrics, strict=True))
        if name
    }
    for subject in range(more.pop("subjects", MMLU_SUBJECTS)):
        letters = "abcdefghij"[subject // 10] + "abcdefghij"[subject % 10]
        # Their mean is base + 0.02.
        apart = 0.0 if subject == 0 else (0.01 if subject % 2 else -0.01)
        results[f"harness|hendrycksTest-{letters}|5"] = {"acc": base + 0.02 + apart}
    results["all"] = {"acc": 0.9}
    row = {
        "path": f"{model}/results.json",
        "model_id": model,
        "precision": "torch.float16",
        "revision": "s1",
        "evaluated_at": "2024-01-05T02-17-13.123456",
        "payload": json.dumps({"config_general": {}, "results": results}),
        "source": "hub",
        "fetched_at": "2026-11-02 00:00:00+00",
    }
    return {**row, **more}


def fill(landing: Path) -> None:
    """Land the odd cases, a few records each."""
    board = {"name": "Open LLM Leaderboard", "url": "https://hf.co/spaces/o/b"}
    results: list[Any] = [
        entry(HLE, 20.9, "hle", "hle", date="2026-10-01"),
        entry(HLE, 44.9, "hle_with_tools", "hle", notes="With tools", date="2026-10-03"),
        entry(HLE, 21.5, "hle_checked", "hle", verified=True, date="2026-01-15T10:30:00Z"),
        entry(HLE, 19.5, "hle_other", "hle", date="2999-01-01"),
        entry("idavidrein/GPQA", 0.41, "fraction", "diamond"),
        entry("own/arena", 1200, "arena", "elo"),
        entry("own/set", 0.3, "own", "acc"),
        entry("own/set", "n/a", "text", "acc"),
        entry("own/set", None, "nothing", "acc"),
        entry(None, 3, "nameless"),
        {"filename": ".eval_results/broken.yaml", "error": "value: expected number"},
        *(7, None, "text", []),
    ]
    card = [
        {
            "name": "one",
            "results": [
                carded("hellaswag", "acc_norm", 77.1, board, split="validation"),
                carded("hellaswag", "acc_norm", 0.76),
                carded("TIGER-Lab/MMLU-Pro", "acc", 31.2, board),
                carded("mozilla/cv", "wer", 12.5, config="de"),
                carded("mozilla/cv", "wer", 9.5, config="fr"),
                carded("n/n", "f1", "NaN"),
                {"dataset": "odd", "metrics": {"type": "acc"}},
                {"dataset": ["odd"], "metrics": [3, {"type": "acc", "value": 3}]},
                "odd",
            ],
        },
        {"results": 3},
        7,
    ]
    land(
        landing,
        "hub_models",
        "results",
        [
            listing("hub/one", {"evalResults": results, "model-index": card}, "2026-11-01"),
            listing("hub/one", {"evalResults": [entry(HLE, 1, "gone", "hle")]}, "2026-10-01"),
            listing("hub/nothing", {"evalResults": {"a": 1}, "model-index": "x"}),
            listing("hub/empty", {"evalResults": [], "model-index": None}),
        ],
    )
    land(
        landing,
        "hub_leaderboards",
        "results",
        [
            ranking("hub/one", 20.9, "hle"),
            ranking("hub/pulled", 33.3, "hle", pullRequest=7),
            ranking("hub/left", 30, "hle", "2026-10-02"),
            ranking("hub/..", 1, "hle"),
            {**ranking("hub/cut", 1, "hle"), "payload": '{"rank": 1'},
        ],
    )
    benchmark = {"payload": "{}", "source": "hub", "fetched_at": "2026-11-02 00:00:00+00"}
    land(
        landing,
        "hub_benchmarks",
        "results",
        [{**benchmark, "dataset_id": name} for name in (HLE, "own/unused")],
    )
    _archive(landing)


def _archive(landing: Path) -> None:
    tabulated = {"Precision": "float16", "Model sha": "s1"}
    land(
        landing,
        "open_llm_leaderboard_v1",
        "results",
        [v1("hub/tabulated", 50.0, **tabulated), v1("hub/contaminated", Flagged=False)],
    )
    whole = archived("hub/nan", 0.5)
    land(
        landing,
        "open_llm_v1_results",
        "archive",
        [
            archived("hub/tabulated", 0.5),
            archived("hub/tabulated", 0.4, revision="s2"),
            archived("hub/tabulated", 0.3, revision="s2", evaluated_at="2023-12-05T02:17:13.1"),
            archived("hub/contaminated", 0.6),
            archived("hub/57", 0.5, subjects=56),
            {**whole, "payload": whole["payload"].replace("0.55", "NaN")},
            archived("hub/cut", 0.5, payload='{"results": {'),
            archived("hub/listed", 0.5, payload='{"results": []}'),
            archived("hub/twice", 0.5, payload='{"results": {"all": {}, "all": {"acc": 1}}}'),
            archived("hub/no id", 0.5),
        ],
    )
