"""The key that results are filed under, and the plan of the study."""

import subprocess
import sys
from collections import Counter, defaultdict

from ml.names import BENCHMARKS, FORWARD, INVERSE, OPEN_LLM_V1
from ml.plan import COVERAGE_REPEATS, PARTS, main_job_tasks
from ml.regressors import REGRESSORS
from ml.splits import SPLITS
from ml.study import _MODULES, result_key


def test_keys_differ_with_input_code_and_configuration() -> None:
    keys = {
        result_key({"exact": "a"}, "code", ["one"]),
        result_key({"exact": "b"}, "code", ["one"]),
        result_key({"official": "a"}, "code", ["one"]),
        result_key({"exact": "a"}, "code 2", ["one"]),
        result_key({"exact": "a"}, "code", ["two"]),
    }
    assert len(keys) == 5
    assert result_key({"exact": "a"}, "code", ["one"]) in keys


def test_the_code_version_covers_every_module_that_a_fit_runs() -> None:
    code = (
        "import sys, ml.workers;"
        "print(*(n.removeprefix('ml.') for n in sys.modules if n.startswith('ml.')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == set(_MODULES)


def test_every_cell_stands_beside_its_twins_on_all_four_splits_with_the_same_seeds() -> None:
    assert set(PARTS) == {*FORWARD, INVERSE}
    every = [t for part in PARTS.values() for p in part.partitions for t in part.tasks(p)]
    for tasks in (every, main_job_tasks()):
        splits = defaultdict(set)
        for task in tasks:
            if "scores" in task.makes:
                c = task.cell
                key = (c.regressor, c.subject, c.feature_set, c.tier, c.seed)
                assert c.split not in splits[key], "fitted twice"
                splits[key].add(c.split)
        assert all(found == set(SPLITS) for found in splits.values())
    assert {t.cell.subject for t in main_job_tasks()} == set(OPEN_LLM_V1)
    scored = [t for t in every if "scores" in t.makes]
    # What costs most of all is split once, as the documentation says, and so is what has no chance
    # in it; everything else is repeated.
    assert {t.repeats for t in scored if t.cell.split == "temporal"} == {1}
    drawn = [t for t in scored if t.cell.split != "temporal"]
    once = {(t.cell.regressor, t.cell.feature_set, t.cell.tier) for t in drawn if t.repeats == 1}
    assert once == {
        ("mlp", "key", "exact"),
        ("hist_gradient_boosting", "key", "exact"),
        ("random_forest", "full", "exact"),
        ("extra_trees", "full", "exact"),
        ("random_forest", "key", "exact_and_imputed"),
        ("random_forest", "structure", "exact_and_imputed"),
    }
    twins = defaultdict(set)
    for t in drawn:
        twins[t.cell.regressor, t.cell.subject, t.cell.feature_set, t.cell.tier].add(t.repeats)
    assert all(len(repeats) == 1 for repeats in twins.values())
    repeats = Counter(t.cell.subject for t in every if "coverage" in t.makes)
    assert repeats == COVERAGE_REPEATS


def test_every_regressor_is_fitted_on_every_benchmark() -> None:
    fitted = {
        (task.cell.regressor, benchmark)
        for benchmark in BENCHMARKS
        for name in FORWARD
        for task in PARTS[name].tasks(benchmark)
        if "scores" in task.makes
        and task.cell.tier == "exact"
        and task.cell.feature_set in ("key", "family")
    }
    assert fitted == {(name, benchmark) for name in REGRESSORS for benchmark in BENCHMARKS}
