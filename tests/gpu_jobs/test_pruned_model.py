"""Paths of removals saved as models: replayed, extended, taken up after a kill, and refused."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import gguf
import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM, AutoTokenizer

from gpu_jobs.model_cards import Account, model_card
from gpu_jobs.pruned_model import main as save
from gpu_jobs.relevance import main as measure
from gpu_jobs.relevance_maps import Maps
from gpu_jobs.sources import locate
from gpu_jobs.surgery import Removal, removed
from tests.builds import written
from tests.gpu_jobs import hub_data, tiny
from tests.gpu_jobs.kills import kill_at

ROOT = Path(__file__).resolve().parents[2]
N_LAYERS = 6
IDS = torch.tensor([[5, 9, 200, 31, 17, 80, 2, 44, 101, 7]])
ASKED = ("--tasks", "truthfulqa", "--split", "test", "--criteria", "perplexity", "--paths")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_data.write(tmp_path_factory.mktemp("eval_data"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny.build("llama", 7, num_hidden_layers=N_LAYERS, max_position_embeddings=512)
    folder = tiny.save(made, tmp_path_factory.mktemp("models") / "tiny")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Tiny\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def results(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return results with an iterative and a random path of two steps."""
    folder = tmp_path_factory.mktemp("results")
    more = ("--share", 0.34, "--random", 1)
    assert measure(_line(model, data, folder, *ASKED, "iterative", *more)) == 0
    return folder


def _line(model: Path, data: Path, output: Path, *more: object) -> list[str]:
    shared = ("--model", model, "--eval-data", data, "--output", output, "--device", "cpu")
    return [str(one) for one in (*shared, *more)]


def _save(model: Path, results: Path, folder: Path, *more: object) -> int:
    shared = ("--model", model, "--results", results, "--output", folder, "--device", "cpu")
    return save([str(one) for one in (*shared, *more)])


def _rows(output: Path, what: str = "*") -> list[tuple[Any, ...]]:
    query = f"select {what} from '{output}/pruning_paths/*.parquet' order by step, path, task"
    return duckdb.sql(query).fetchall()


def _logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=IDS).logits
    return found


def _without(model: Path, order: str) -> torch.Tensor:
    whole = AutoModelForCausalLM.from_pretrained(model)
    with removed(whole, [int(layer) for layer in order.split()]):
        return _logits(whole)


def test_a_path_is_saved_as_a_model_that_says_how_it_was_made(
    model: Path, data: Path, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "pruned"
    assert _save(model, results, folder, "--path", "iterative", "--steps", 2) == 0
    columns = "removal_order, before, after, difference, difference_low, difference_high, "
    columns += "calibration_sha256, calibration_items, result_key, path, step, code_version"
    (row,) = (row for row in _rows(results, columns) if row[9:11] == ("iterative", 2))
    order, before, after, difference, low, high, digest, n_items, key, *_, version = row
    assert f"without layers {order}, " in capsys.readouterr().out
    again = AutoModelForCausalLM.from_pretrained(folder)
    assert again.config.num_hidden_layers == N_LAYERS - 2
    assert torch.equal(_logits(again), _without(model, order))
    assert AutoTokenizer.from_pretrained(folder)("mouth") == tiny.tokenizer()("mouth")

    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "transformers"
    ascending = " ".join(sorted(order.split(), key=int))
    for said in (
        f"| removed layers, from 0 | {ascending} |",
        f"| order of removal | {order} |",
        "| how they were chosen | by perplexity on truthfulqa, iterative path (",
        f"{n_items} items of truthfulqa (test), drawn with seed 1234; SHA-256 {digest}",
        f"| version of the measuring code | {version} |",
        f"| results | {key} |",
        f"| {before:.1f} | {after:.1f} | {difference:+.1f} [{low:+.1f}, {high:+.1f}] |",
        "| licence | apache-2.0 |",
    ):
        assert said in card.text
    assert str(tmp_path) not in card.content

    # A random path, and a step by its result.
    assert _save(model, results, tmp_path / "random", "--path", "random", "--seed", 0) == 0
    (order,) = (r[0] for r in _rows(results, columns) if r[9:11] == ("random", 2))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "random")
    assert torch.equal(_logits(loaded), _without(model, order))
    (key,) = (r[8] for r in _rows(results, columns) if r[9:11] == ("random", 1))
    assert _save(model, results, tmp_path / "one", "--result", key) == 0
    assert "at random, with seed 0" in (tmp_path / "one" / "README.md").read_text()
    one = AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    assert torch.equal(_logits(one), _without(model, order.split()[0]))


def test_a_card_names_quantised_weights_and_the_licence_in_their_file(tmp_path: Path) -> None:
    removal = Removal((1,), 3, 300, 100)
    cards = []
    for name, kind in (("q", gguf.LlamaFileType.MOSTLY_Q4_1), ("f", gguf.LlamaFileType.ALL_F32)):
        writer = gguf.GGUFWriter(tmp_path / f"{name}.gguf", "llama")
        writer.add_file_type(kind)
        if name == "q":
            writer.add_license("other")
            writer.add_license_name("tiny-terms")
        writer.add_tensor("token_embd.weight", np.zeros((4, 4), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        source = locate(str(tmp_path / f"{name}.gguf"), None, "someone/Tiny", False)
        cards.append(ModelCard(model_card(removal, source, Account("given by number"), "float32")))
    quantised, plain = cards
    assert quantised.data.base_model == "someone/Tiny"
    assert (quantised.data.license, quantised.data.license_name) == ("other", "tiny-terms")
    assert "read from a quantised file, 4-bit GGUF (Q4_1)" in quantised.text
    assert "| licence | tiny-terms |" in quantised.text
    assert plain.data.license is None
    assert "quantised" not in plain.text
    assert "| licence | not stated with the files |" in plain.text
    assert "200 parameters are left of 3 and 300" in plain.text


def test_what_cannot_be_saved_is_said(
    model: Path, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine", "utf-8")
    other = tiny.save(tiny.build("llama", 8), tmp_path / "other")
    for words, asked in (
        (["several such paths", "perplexity iterative on 8 items", "random random, seed 0"], ()),
        (["no such path", "perplexity iterative"], ("--criterion", "cosine")),
        (["2 steps so far, not 3", "--share"], ("--path", "iterative", "--steps", 3)),
        (["no result abc"], ("--result", "abc")),
    ):
        assert _save(model, results, tmp_path / "out", *asked) == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("error: ")
        assert all(word in lines[0] for word in words)
    assert _save(model, results, taken, "--path", "iterative") == 1
    assert "not empty" in capsys.readouterr().err
    assert _save(other, results, tmp_path / "out", "--path", "iterative") == 1
    assert "of this model's weights, only paths of tiny" in capsys.readouterr().err
    assert _save(model, tmp_path / "nothing", tmp_path / "out") == 1
    assert "only paths of no model" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "taken"]
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]


def test_a_longer_path_measures_its_new_steps_only(
    model: Path, data: Path, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer, whole = tmp_path / "longer", tmp_path / "whole"
    shutil.copytree(results, longer)
    kept = written(longer)
    paths: list[tuple[int, ...]] = []
    by_removal = Maps.by_removal

    def noted(self: Maps, *arguments: Any) -> Any:
        paths.append(self.path)
        return by_removal(self, *arguments)

    monkeypatch.setattr(Maps, "by_removal", noted)
    asked = (*ASKED, "iterative", "--share", 0.67)
    assert measure(_line(model, data, longer, *asked)) == 0
    assert [len(path) for path in paths] == [2, 3]
    assert kept.items() <= written(longer).items()
    paths.clear()
    assert measure(_line(model, data, whole, *asked)) == 0
    assert [len(path) for path in paths] == [0, 1, 2, 3]
    measured = "removal_order, step, task, after, difference_low, result_key"
    steps = [row for row in _rows(longer, f"path, {measured}") if row[0] == "iterative"]
    assert [row[1:] for row in steps] == _rows(whole, measured)
    assert [len(row[1].split()) for row in steps] == [1, 2, 3, 4]


def test_a_killed_search_leaves_a_path_that_can_be_saved_and_goes_on(
    model: Path, data: Path, tmp_path: Path
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    asked = (*ASKED, "iterative", "--share", 0.84)
    line = _line(model, data, killed, *asked)
    finished = kill_at("pruning_paths", 2, "gpu_jobs.relevance", line, killed)
    begun = _rows(killed, "step, removal_order")
    assert 2 <= len(begun) < 5
    assert _save(model, killed, tmp_path / "partly") == 0
    partly = AutoModelForCausalLM.from_pretrained(tmp_path / "partly")
    assert torch.equal(_logits(partly), _without(model, begun[-1][1]))
    assert measure(_line(model, data, killed, *asked)) == 0
    assert finished.items() <= written(killed).items()
    assert measure(_line(model, data, whole, *asked)) == 0
    same = "* exclude (computed_at)"
    assert _rows(killed, same) == _rows(whole, same)
    for results in (killed, whole):
        assert _save(model, results, tmp_path / f"{results.name} model") == 0
    saved = [tmp_path / f"{name} model" / "model.safetensors" for name in ("killed", "whole")]
    assert saved[0].read_bytes() == saved[1].read_bytes()
