"""Scores of a model in memory are those of lm-eval's own command line, document by document."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoConfig, AutoModelForCausalLM

from gpu_jobs import protocols
from gpu_jobs.benchmark_texts import render
from gpu_jobs.errors import DeviceError, ModelError, TaskError
from gpu_jobs.evaluation import Evaluation, evaluate
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.models import check_finite
from gpu_jobs.protocols import Benchmark, benchmarks_of
from gpu_jobs.pruning_effects import effect
from gpu_jobs.tasks import Task, load_tasks
from tests.gpu_jobs import hub_data, tiny

#: A folder of real data, if there is one; read before the tests forget the settings.
_REAL = os.environ.get("MODELSTRATA_EVAL_DATA")

#: lm-eval's own names: task, score, filter.
_STOCK = {
    "arc_challenge": ("arc_challenge", "acc_norm", "none", "allenai/ai2_arc"),
    "arc_easy": ("arc_easy", "acc_norm", "none", "allenai/ai2_arc"),
    "truthfulqa": ("truthfulqa_mc2", "acc", "none", "truthfulqa/truthful_qa"),
    "winogrande": ("winogrande", "acc", "none", "allenai/winogrande"),
    "gsm8k": ("gsm8k", "exact_match", "strict-match", "openai/gsm8k"),
}


def long_model() -> Any:
    """Return a tiny llama with room for many examples."""
    torch.manual_seed(3)
    options = {**tiny.ARCHITECTURES["llama"][0], "max_position_embeddings": 2048}
    return AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **options)).eval()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return tiny evaluation data."""
    return hub_data.write(tmp_path_factory.mktemp("eval_data"))


def _tasks(data: Path, protocol: str, *names: str, limit: int | None = None) -> list[Task]:
    found = load_tasks(benchmarks_of(protocol, names), data, limit)
    return sorted(found, key=lambda task: names.index(task.benchmark.name))


def _wrapped(model: Any, batch_size: int = 4, **options: Any) -> LanguageModel:
    return LanguageModel(model, tiny.tokenizer(), batch_size, **options)


def _command_line(
    folder: Path, data: Path, model: Path, shots: dict[str, int]
) -> dict[str, dict[str, Any]]:
    """Return what `lm_eval` itself finds: results and samples by task."""
    groups = folder / "groups"
    groups.mkdir(parents=True)
    entries = []
    for name, number in shots.items():
        task, _, _, dataset = _STOCK[name]
        entry = {"task": task, "dataset_path": str(data / dataset), "num_fewshot": number}
        entries.append({**entry, "fewshot_split": "train"} if "arc" in name else entry)
    group = {"group": "together", "task": entries}
    (groups / "together.yaml").write_text(yaml.safe_dump(group), "utf-8")
    command = [sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args"]
    command += [f"pretrained={model},dtype=float32", "--tasks", "together", "--device", "cpu"]
    command += ["--include_path", str(groups), "--batch_size", "4", "--limit", "9"]
    command += ["--log_samples", "--output_path", str(folder / "out")]
    apart = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
    run = subprocess.run(
        command, env={**os.environ, **apart}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (written,) = (folder / "out").rglob("results_*.json")
    results = json.loads(written.read_text("utf-8"))["results"]
    found: dict[str, dict[str, Any]] = {}
    for name in shots:
        task, metric, chosen, _ = _STOCK[name]
        (path,) = (folder / "out").rglob(f"samples_{task}_*.jsonl")
        samples = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        found[name] = {
            "score": results[task][f"{metric},{chosen}"],
            "values": {
                (s["doc_id"], s["doc_hash"][:16]): s[metric]
                for s in samples
                if s["filter"] == chosen
            },
        }
    return found


def test_scores_are_those_of_the_command_line(data: Path, tmp_path: Path) -> None:
    model = long_model()
    folder = tiny.save(model, tmp_path / "model")
    tasks = _tasks(data, "leaderboard_v1", *(set(_STOCK) - {"arc_easy"}), limit=9)
    tasks += _tasks(data, "zero_shot", "arc_easy", limit=9)
    shots = {task.benchmark.name: task.benchmark.num_fewshot for task in tasks}
    stock = _command_line(tmp_path, data, folder, shots)
    wrapped = _wrapped(model)
    for task in tasks:
        expected = stock[task.benchmark.name]
        found = evaluate(wrapped, task, seed=1234)
        values = {
            (int(position), digest): sample.value / 100
            for sample in found.samples
            for position, digest in [sample.sample.split(":")]
        }
        assert values == pytest.approx(expected["values"], abs=1e-6)
        mean = sum(values.values()) / len(values)
        assert mean == pytest.approx(expected["score"], abs=1e-6)
        # Drawing examples again gives the same ones.
        assert evaluate(wrapped, task, seed=1234).samples == found.samples


def test_guessing_is_the_mean_over_equally_likely_answers(data: Path) -> None:
    arc, truthful, sums = _tasks(data, "zero_shot", "arc_challenge", "truthfulqa", "gsm8k")
    assert [arc.chance(*key) for key in arc.outcomes] == [
        100 / len(document["choices"]["text"]) for _, _, document in arc.documents()
    ]
    for name, position, document in truthful.documents():
        labels = document["mc2_targets"]["labels"]
        assert truthful.chance(name, position) == pytest.approx(100 * sum(labels) / len(labels))
    assert {sums.chance(*key) for key in sums.outcomes} == {None}
    assert sums.n_requests == 4


def test_mmlu_is_the_mean_over_57_subjects(tmp_path: Path) -> None:
    data = hub_data.write(tmp_path, mmlu=True)
    (task,) = _tasks(data, "leaderboard_v1", "mmlu")
    assert len(task.subjects) == 57
    found = evaluate(_wrapped(long_model(), 16), task, seed=1)
    by_subject: dict[str, list[float]] = {}
    for sample in found.samples:
        by_subject.setdefault(sample.subject, []).append(sample.value)
    assert len({len(values) for values in by_subject.values()}) > 1
    expected = sum(sum(v) / len(v) for v in by_subject.values()) / 57
    row = effect(_rows(found), _rows(found))
    assert row["before"] == pytest.approx(expected)
    assert (row["difference"], row["chance"]) == (0.0, 25.0)


def _rows(found: Evaluation) -> list[dict[str, Any]]:
    return [dict(vars(sample)) for sample in found.samples]


def test_rendered_texts_hold_the_prompt_and_the_right_answer(data: Path) -> None:
    arc, winogrande, sums = _tasks(data, "zero_shot", "arc_challenge", "winogrande", "gsm8k")
    for text, (_, _, document) in zip(render(arc, 1).texts, arc.documents(), strict=True):
        right = document["choices"]["label"].index(document["answerKey"])
        answer = document["choices"]["text"][right]
        assert text == f"Question: {document['question']}\nAnswer: {answer}"
    for text, (_, _, document) in zip(
        render(winogrande, 1).texts, winogrande.documents(), strict=True
    ):
        assert text == document["sentence"].replace("_", document[f"option{document['answer']}"])
    for text, (_, _, document) in zip(render(sums, 1).texts, sums.documents(), strict=True):
        assert text == f"Question: {document['question']}\nAnswer: {document['answer']}"


def _refuse(model: Any, most: int) -> None:
    def before(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        ids = kwargs.get("input_ids", args[0] if args else None)
        if ids is not None and len(ids) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model.register_forward_pre_hook(before, with_kwargs=True)


def test_out_of_memory_halves_the_batch_and_changes_no_score(data: Path) -> None:
    model, said, counted = long_model(), list[int](), list[int]()
    tasks = _tasks(data, "zero_shot", "arc_challenge", "gsm8k")
    expected = [evaluate(_wrapped(model, 8), task, 1).samples for task in tasks]
    _refuse(model, most=1)
    wrapped = _wrapped(model, 8, on_halving=said.append)
    wrapped.advance = counted.append
    assert [evaluate(wrapped, task, 1).samples for task in tasks] == expected
    # The few questions begin so much alike that they are one row; prompts to continue are four.
    assert said == [2, 1]
    assert sum(counted) == sum(task.n_requests for task in tasks)
    _refuse(model, most=0)
    with pytest.raises(DeviceError, match="One prompt does not fit"):
        evaluate(wrapped, tasks[0], 1)


def test_prompts_longer_than_the_context_are_counted_or_refused(data: Path) -> None:
    shots, sums = _tasks(data, "leaderboard_v1", "arc_challenge", "gsm8k")
    short = _wrapped(long_model(), max_length=200)
    found = evaluate(short, shots, 1)
    assert found.n_cut == shots.n_requests
    assert evaluate(_wrapped(long_model()), shots, 1).n_cut == 0
    with pytest.raises(TaskError, match=r"up to 256 tokens .* context of 200 tokens"):
        evaluate(short, sums, 1)
    with pytest.raises(TaskError, match="longer than the context of 3 tokens"):
        evaluate(_wrapped(long_model(), max_length=3), shots, 1)


def test_numbers_that_are_none_are_refused(data: Path) -> None:
    model = long_model()
    model.model.layers[1].mlp.up_proj.weight.data[0, 0] = float("nan")
    with pytest.raises(ModelError, match=r"layers\.1\.mlp.up_proj.weight holds NaN"):
        check_finite(model)
    (task,) = _tasks(data, "zero_shot", "arc_challenge")
    with pytest.raises(ModelError, match="log-likelihood is no number"):
        evaluate(_wrapped(model), task, 1)


def test_unknown_benchmarks_and_missing_data_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no benchmark 'arc'"):
        benchmarks_of("leaderboard_v1", ["arc"])
    with pytest.raises(TaskError, match="no protocol 'v3'"):
        benchmarks_of("v3")
    with pytest.raises(TaskError, match="Every benchmark is left out"):
        benchmarks_of("zero_shot", ["piqa"], ["piqa"])
    with pytest.raises(TaskError, match=r"no data of hellaswag: there is no .*Rowan/hellaswag"):
        _tasks(data, "zero_shot", "hellaswag")
    few = hub_data.write(tmp_path)
    train = few / "allenai" / "ai2_arc" / "ARC-Challenge" / "train.jsonl"
    lines = train.read_text("utf-8").splitlines()
    train.write_text("\n".join(lines[:24]), "utf-8")
    with pytest.raises(TaskError, match=r"25 examples in each prompt, but .* only 24"):
        _tasks(few, "leaderboard_v1", "arc_challenge")
    (few / "openai" / "gsm8k" / "main" / "test.jsonl").write_text('{"question": 1', "utf-8")
    with pytest.raises(TaskError, match=r"data of gsm8k .* cannot be read"):
        _tasks(few, "zero_shot", "gsm8k")


def test_the_digest_follows_documents_and_examples(data: Path, tmp_path: Path) -> None:
    before = [
        t.data_sha256
        for p in ("leaderboard_v1", "zero_shot")
        for t in _tasks(data, p, "arc_challenge")
    ]
    other = hub_data.write(tmp_path)
    train = other / "allenai" / "ai2_arc" / "ARC-Challenge" / "train.jsonl"
    train.write_text(train.read_text("utf-8").replace("What is", "What was"), "utf-8")
    after = [
        t.data_sha256
        for p in ("leaderboard_v1", "zero_shot")
        for t in _tasks(other, p, "arc_challenge")
    ]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_the_table_names_stock_tasks_and_their_data() -> None:
    from lm_eval.tasks import _yaml_loader

    stock_tasks = Path(_yaml_loader.__file__).parent
    found: dict[str, Benchmark] = {}
    for protocol in protocols.protocol_names():
        found |= {benchmark.task: benchmark for benchmark in benchmarks_of(protocol)}
    for task, benchmark in found.items():
        name = task if benchmark.subjects == 1 else f"{task}_anatomy"
        stock = next(
            config
            for path in (stock_tasks / benchmark.folder).glob("*.yaml")
            for config in [_yaml_loader.load_yaml(path, resolve_func=False, recursive=True)]
            if config.get("task") == name
        )
        assert stock["dataset_path"] == benchmark.dataset
        assert benchmark.config in (None, stock.get("dataset_name"))
        assert benchmark.scored in {metric["metric"] for metric in stock["metric_list"]}


@pytest.mark.skipif(_REAL is None, reason="MODELSTRATA_EVAL_DATA names no folder")
def test_real_data_have_the_documents_of_the_hub() -> None:
    assert _REAL is not None
    names = ["arc_challenge", "arc_easy", "gsm8k", "mmlu", "truthfulqa", "winogrande"]
    for task in _tasks(Path(_REAL), "zero_shot", *names):
        assert task.n_documents == task.benchmark.documents
        assert len(task.subjects) == task.benchmark.subjects
    (mmlu,) = _tasks(Path(_REAL), "leaderboard_v1", "mmlu", limit=2)
    assert len(render(mmlu, 1).texts) == 2 * 57
    for text in render(mmlu, 1).texts:
        assert text.count("Answer: ") == 6
        assert text.rsplit(" ", 1)[1] in "ABCD"
