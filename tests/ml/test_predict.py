"""Predictions and advice from the command line, on a part of a built warehouse."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from ml.features import features
from ml.forest_arrays import forest_arrays
from ml.regressors import random_forest
from tests.builds import ROOT, environment

MODEL = "Qwen/Qwen2.5-7B-Instruct"
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}


def run(data: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(data, MODELSTRATA_TODAY="2026-11-28"),
        capture_output=True,
        text=True,
        check=False,
    )


def refused(data: Path, module: str, *arguments: str) -> str:
    done = run(data, module, *arguments)
    assert done.returncode == 1, done.stdout
    assert not done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


def told(data: Path, module: str, *arguments: str) -> dict[str, Any]:
    done = run(data, module, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def data(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with three benchmarks.

    The study has measured the intervals of one of them; another has too few groups.
    """
    folder = tmp_path_factory.mktemp("predict")
    shutil.copyfile(built / "warehouse.duckdb", folder / "warehouse.duckdb")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "delete from marts.structure_scores where structure_tier <> 'exact' or benchmark "
            "not in ('musr', 'bigcodebench_complete', 'bigcodebench_instruct') "
            "or benchmark = 'bigcodebench_instruct' and structure_group not in (select distinct "
            "structure_group from marts.structure_scores where benchmark = 'bigcodebench_instruct' "
            "order by structure_group limit 6)"
        )
        connection.execute("delete from marts.interval_coverage")
        connection.execute(
            "insert into marts.interval_coverage by name select 'group_forest' as regressor, "
            "'musr' as benchmark, 'key' as feature_set, 'grouped_structure' as split, "
            "'exact' as tier, 0.9 as level, 0.8765 as coverage_groups, 0.85 as "
            "coverage_groups_low, 0.9 as coverage_groups_high, 0.9 as coverage_rows, 12 as width, "
            "565 as n, 95 as n_groups, 42 as seed, false as is_stale, 'k' as result_key, "
            "'h' as input_hash, 'c' as code_version"
        )
    done = run(folder, "ml.predictor")
    assert done.returncode == 0, done.stderr
    assert "bigcodebench_instruct: not fitted. Intervals at 90% need at least" in done.stdout
    return folder


@pytest.fixture
def spoilt(data: Path, tmp_path: Path) -> Path:
    """Return a copy whose predictor a test may spoil; the warehouse is a link."""
    (tmp_path / "warehouse.duckdb").symlink_to(data / "warehouse.duckdb")
    shutil.copytree(data / "models", tmp_path / "models")
    return tmp_path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


def test_a_config_file_gets_scores_place_and_neighbours(data: Path, config: Path) -> None:
    found = told(data, "ml.predict", "--config", str(config))
    shape = {"layers": 32, "d_model": 4096, "d_ffn": 11008, "heads": 32}
    # Llama's published count.
    assert found["features"] == {**shape, "size": 6.738416, "date": "2026-11-28"}
    assert set(found["scores"]) == {"musr", "bigcodebench_complete"}
    assert "bigcodebench_instruct" in found["missing_benchmarks"]
    assert found["scores"]["musr"]["coverage"] == 0.8765
    for one in found["scores"].values():
        assert 0 <= one["low"] <= one["expected"] <= one["high"] <= 100
        assert 0.8 < one["coverage"] <= 1
        assert one["coverage_low"] <= one["coverage"] <= one["coverage_high"]
    for place in found["outside"].values():
        assert place["distance"] < 0.01
        assert set(place["beyond"]) == {"date"}
        assert "date 2026-11-28 is outside" in place["sentence"].lower()
    nearest = found["neighbours"][0]
    assert nearest["distance"] < 0.01
    assert nearest["scores"]


def test_a_structure_like_none_that_was_seen_is_called_outside(data: Path, config: Path) -> None:
    config.write_text(json.dumps({**CONFIG, "num_hidden_layers": 400, "hidden_size": 32768}))
    found = told(data, "ml.predict", "--config", str(config), "--date", "2024-05-01")
    for place in found["outside"].values():
        assert {"layers", "d_model"} <= set(place["beyond"])
        assert place["is_outside"]
        assert place["farther_than"] == 1
    text = run(data, "ml.predict", "--config", str(config)).stdout
    assert "OUTSIDE what was seen, so the intervals promise nothing here" in text


def test_a_model_of_the_warehouse_is_known_by_its_id(data: Path) -> None:
    found = told(data, "ml.predict", "--config", MODEL.lower())
    assert (found["model_id"], found["is_trained_on"]) == (MODEL, True)
    assert found["neighbours"][0]["model_id"] == MODEL
    sized = told(data, "ml.predict", "--config", MODEL, "--size", "70")
    assert sized["features"]["size"] == 70


def test_arrays_predict_what_the_forest_predicts(data: Path) -> None:
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.sql(
            "from marts.structure_scores where benchmark = 'musr' order by model_id"
        ).df()
    x = features(rows, "key")
    x.iloc[::7, 0] = np.nan
    forest = random_forest().fit(x, rows["score"])
    arrays = forest_arrays(forest)
    assert arrays.predict(x.to_numpy()) == pytest.approx(forest.predict(x), abs=1e-9)
    odd = x.sample(frac=1, random_state=1).to_numpy() * 1.3
    assert arrays.predict(odd) == pytest.approx(
        forest.predict(
            x.iloc[:0].reindex(range(len(odd))).assign(**dict(zip(x, odd.T, strict=True)))
        ),
        abs=1e-9,
    )


def test_the_same_data_give_the_same_bytes_and_a_second_run_does_nothing(spoilt: Path) -> None:
    path = spoilt / "models" / "predictor" / "predictor.npz"
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert "current, nothing to do" in run(spoilt, "ml.predictor").stdout
    assert path.stat().st_mtime_ns == before[0]
    assert "stored" in run(spoilt, "ml.predictor", "--force").stdout
    assert path.read_bytes() == before[1]


def rewritten(data: Path, changes: dict[str, Any]) -> None:
    """Change entries of the stored header, or arrays."""
    path = data / "models" / "predictor" / "predictor.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    header |= {name: value for name, value in changes.items() if name in header}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype="uint8")
    arrays |= {name: value for name, value in changes.items() if name in arrays}
    np.savez(path, allow_pickle=True, **arrays)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data_version": "old"}, "is stale: it was fitted on other data"),
        ({"code_version": "old"}, "is stale: it was fitted by another version of the code"),
        ({"format": "pickle"}, "of a format that this code does not know"),
        ({"kind": "network"}, "unknown kind 'network'"),
        ({"models/id": np.array([{"a": 1}], dtype=object)}, "is no predictor, or damaged"),
        ({"forest/musr/left": np.zeros(3, dtype="int32")}, "as in no forest"),
        ({"forest/musr/root": np.array([10**9], dtype="int32")}, "point outside themselves"),
    ],
)
def test_what_is_stale_or_was_tampered_with_is_refused(
    spoilt: Path, changes: dict[str, Any], says: str
) -> None:
    rewritten(spoilt, changes)
    line = refused(spoilt, "ml.predict", "--config", MODEL)
    assert says in line
    assert "python -m ml.predictor" in line


def test_a_cut_file_is_refused_and_fitted_anew(spoilt: Path) -> None:
    path = spoilt / "models" / "predictor" / "predictor.npz"
    path.write_bytes(path.read_bytes()[:1000])
    assert "damaged" in refused(spoilt, "ml.advise", "--size", "7", "--benchmark", "musr")
    assert "stored" in run(spoilt, "ml.predictor").stdout
    assert run(spoilt, "ml.predict", "--config", MODEL).returncode == 0


def test_bad_input_is_answered_by_a_sentence(data: Path, tmp_path: Path) -> None:
    assert "run `make build`" in refused(tmp_path, "ml.predict", "--config", MODEL)
    (tmp_path / "warehouse.duckdb").symlink_to(data / "warehouse.duckdb")
    assert "Fit one" in refused(tmp_path, "ml.predict", "--config", MODEL)
    line = refused(data, "ml.predict", "--config", "Qwen/Qwen2.5-7B-Instrukt")
    assert MODEL in line
    assert "There is no file" in refused(data, "ml.predict", "--config", "no/such/config.json")
    bad = tmp_path / "bad.json"
    for content, says in ((b"\xff\xfe", "no UTF-8"), (b"{", "no JSON"), (b"{}", "no structural")):
        bad.write_bytes(content)
        assert says in refused(data, "ml.predict", "--config", str(bad))
    bad.write_text('{"hidden_size": 4096}')
    assert "leaves layers, heads unknown" in refused(data, "ml.predict", "--config", str(bad))


def test_advice_fits_the_budget_and_says_what_it_is_worth(data: Path) -> None:
    found = told(data, "ml.advise", "--size", "7", "--benchmark", "musr", "--top", "25")
    ranked = found["structures"]
    assert len(ranked) == 25
    assert all(one["size"] <= 7 for one in ranked)
    expected = [one["expected"] for one in ranked]
    assert expected == sorted(expected, reverse=True)
    shapes = {tuple(one[n] for n in ("layers", "d_model", "d_ffn", "heads")) for one in ranked}
    assert len(shapes) == len(ranked)
    near = [one for one in ranked if not one["is_seen"]]
    assert near
    assert any(f"{len(near)} of these 25 extrapolate" in text for text in found["warnings"])
    assert any("counts like that day" in text for text in found["warnings"])


def test_advice_that_cannot_be_given_says_why(data: Path) -> None:
    def ask(size: str, benchmark: str) -> str:
        return refused(data, "ml.advise", "--size", size, "--benchmark", benchmark)

    assert "choose one of bigcodebench_complete, musr" in ask("7", "chess")
    assert "There is no predictor for bigcodebench_instruct" in ask("7", "bigcodebench_instruct")
    assert "below everything seen on musr" in ask("0.0001", "musr")
    done = run(data, "ml.advise", "--size", "99999", "--benchmark", "musr")
    assert "what more buys, these data cannot tell" in done.stdout
