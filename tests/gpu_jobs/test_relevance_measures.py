"""Seven measures of relevance against slow loops over models that lack a layer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpu_jobs import criteria
from gpu_jobs.errors import TaskError
from gpu_jobs.evaluation import evaluate
from gpu_jobs.items import ItemSet, mixture, of_task, of_texts
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.layer_walk import Work
from gpu_jobs.protocols import benchmarks_of
from gpu_jobs.removal_scores import RemovalScores, score_removals
from gpu_jobs.removal_walks import Limits
from gpu_jobs.surgery import removed
from gpu_jobs.tasks import load_tasks
from gpu_jobs.texts import TextSet
from tests.gpu_jobs import hub_data, tiny

N_LAYERS = 4


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.build("llama", num_hidden_layers=N_LAYERS, max_position_embeddings=512).eval()


@pytest.fixture(scope="module")
def wrapped(model: Any) -> LanguageModel:
    return LanguageModel(model, tiny.tokenizer(), 8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_data.write(tmp_path_factory.mktemp("eval_data"))


def _items(wrapped: LanguageModel, data: Path, name: str, split: str = "test") -> ItemSet:
    (task,) = load_tasks(benchmarks_of("zero_shot", [name]), data, None)
    return of_task(task, split, None, 1234, wrapped._encode_pair, 512)


def _texts() -> ItemSet:
    texts = ["the sun and the moon", "a stone", "grass grows there in the wind"]
    encoded = [tiny.tokenizer()(text)["input_ids"] for text in texts]
    return of_texts("prose", TextSet(texts, [1, 2, 4]), encoded, 0)


def _scores(model: Any, items: ItemSet, limits: Limits, work: Work | None = None) -> RemovalScores:
    with torch.inference_mode():
        return score_removals(model, items, range(N_LAYERS), limits, outputs=True, work=work)


def _cosine(model: Any, items: ItemSet, packed: bool) -> criteria.Relevance:
    return criteria.cosine(model, criteria.instances(items, packed, 16), lambda n: None)


@pytest.mark.parametrize("name", ["arc_challenge", "truthfulqa", "winogrande"])
def test_scores_are_those_of_evaluations_without_a_layer(
    model: Any, wrapped: LanguageModel, data: Path, name: str
) -> None:
    items = _items(wrapped, data, name)
    (task,) = load_tasks(benchmarks_of("zero_shot", [name]), data, None)
    expected = [[sample.value / 100 for sample in evaluate(wrapped, task, 1234).samples]]
    for layer in range(N_LAYERS):
        with removed(model, (layer,)):
            expected.append([s.value / 100 for s in evaluate(wrapped, task, 1234).samples])
    work = [Work(), Work()]
    quick = _scores(model, items, Limits(300), work[0])
    plain = _scores(model, items, Limits(300, shared_layers=False, shared_tokens=False), work[1])
    np.testing.assert_allclose(quick.score, expected, atol=1e-5)
    np.testing.assert_allclose(plain.score, expected, atol=1e-5)
    assert quick.accuracy[0] == pytest.approx(np.mean(expected[0]))
    for found in (quick, _scores(model, items, Limits(10**6))):
        np.testing.assert_allclose(found.log_likelihood, plain.log_likelihood, rtol=1e-4)
        for key, values in plain.outputs.items():
            np.testing.assert_allclose(found.outputs[key], values, rtol=1e-3, atol=1e-6)
    # The model itself is at no distance from itself.
    assert all(abs(values[0]).max() < 1e-6 for values in plain.outputs.values())
    assert work[0].tokens < work[1].tokens / 5
    assert work[0].layer_tokens < work[1].layer_tokens / 2
    chances = [
        task.chance(*item.name.split(":")[:1], int(item.name.split(":")[1])) for item in items.items
    ]
    assert items.chance == pytest.approx(np.mean(chances) / 100)


def test_texts_and_outputs_against_a_loop(model: Any) -> None:
    items = _texts()
    found = _scores(model, items, Limits(200))
    with torch.no_grad():
        for number, item in enumerate(items.items):
            ids = torch.tensor([[*item.sequences[0][0], *item.sequences[0][1]]])
            full = model(ids, output_hidden_states=True)
            for layer in range(N_LAYERS):
                with removed(model, (layer,)):
                    less = model(ids, output_hidden_states=True)
                said = less.logits[0, :-1].log_softmax(-1)
                tokens = ids[0, 1:]
                total = float(said[range(len(tokens)), tokens].sum())
                assert found.log_likelihood[1 + layer, number] == pytest.approx(total, rel=1e-4)
                hit = bool(said[-1].argmax() == tokens[-1])
                assert found.score[1 + layer, number] == hit
                one, two = full.hidden_states[-1][0, :-1], less.hidden_states[-1][0, :-1]
                p, q = (
                    logits[0, :-1].double().softmax(-1) for logits in (full.logits, less.logits)
                )
                m = (p + q) / 2
                expected = {
                    "output_cosine": 1 - torch.cosine_similarity(one, two, dim=-1),
                    "output_norm": (one - two).norm(dim=-1) / one.norm(dim=-1),
                    "output_divergence": ((p * (p / m).log()).sum(-1) + (q * (q / m).log()).sum(-1))
                    / 2,
                }
                for key, values in expected.items():
                    assert found.outputs[key][1 + layer, number] == pytest.approx(
                        float(values.mean()), rel=1e-3, abs=1e-6
                    )
    loss = found.log_perplexity
    by_loss = criteria.from_removals("perplexity", found, items)
    assert by_loss.values == pytest.approx((loss[1:] - loss[0]).tolist())
    assert by_loss.least == int(np.argmin(loss[1:]))


def test_cosine_is_the_mean_of_the_means(model: Any, wrapped: LanguageModel, data: Path) -> None:
    items = _texts()
    found = _cosine(model, items, packed=False)
    expected = np.zeros(N_LAYERS)
    angles = np.full((N_LAYERS, N_LAYERS), np.nan)
    rows = [[*i.sequences[0][0], *i.sequences[0][1]] for i in items.items]
    with torch.no_grad():
        for ids in rows:
            caught: list[torch.Tensor] = []
            handle = model.model.norm.register_forward_pre_hook(
                lambda module, args, caught=caught: caught.append(args[0])
            )
            states = list(model(torch.tensor([ids]), output_hidden_states=True).hidden_states)
            handle.remove()
            states[-1] = caught[0]
            for layer in range(N_LAYERS):
                cosines = torch.cosine_similarity(states[layer], states[layer + 1], dim=-1)
                expected[layer] += float(1 - cosines.mean()) / len(rows)
                for end in range(layer, N_LAYERS):
                    cosine = torch.cosine_similarity(
                        states[layer][0, -1], states[end + 1][0, -1], dim=-1
                    )
                    old = np.nan_to_num(angles[layer, end - layer])
                    angles[layer, end - layer] = old + float(cosine.arccos()) / np.pi / len(rows)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4)
    blocks = criteria.block_distances(model, criteria.instances(items, False, 64), lambda n: None)
    np.testing.assert_allclose(blocks, angles, rtol=1e-4)
    assert _cosine(model, items, packed=True).values != found.values
    whole = sum(map(len, rows)) // 16
    assert [len(row) for row in criteria.instances(items, True, 16)] == [16] * whole
    assert min(_cosine(model, _items(wrapped, data, "arc_challenge"), True).values) > 0


def test_taylor_is_the_weight_times_the_gradient(model: Any) -> None:
    items = _texts()
    found = criteria.taylor(model, items, 64, lambda n: None)
    double = tiny.build("llama", num_hidden_layers=N_LAYERS, max_position_embeddings=512).double()
    total, n = torch.zeros((), dtype=torch.float64), 0
    for item in items.items:
        ids = torch.tensor([[*item.sequences[0][0], *item.sequences[0][1]]])
        said = double(ids).logits[0, :-1].log_softmax(-1)
        total = total - said[range(ids.shape[1] - 1), ids[0, 1:]].sum()
        n += ids.shape[1] - 1
    (total / n).backward()
    expected = [
        sum(float((w * w.grad).abs().sum()) for w in layer.parameters())
        for layer in double.model.layers
    ]
    assert found.values == pytest.approx(expected, rel=1e-4)
    assert all(w.grad is None and w.requires_grad for w in model.parameters())


def test_accuracy_is_equation_3_and_undefined_at_chance() -> None:
    assert criteria.by_accuracy(0.75, [0.75, 0.5, 0.25, 0.1, 1.0], 0.25, "t") == pytest.approx(
        [0.0, 0.5, 1.0, 1.0, -0.5]
    )
    with pytest.raises(
        TaskError, match=r"not above chance on t \(25\.0 where guessing gives 25\.0\)"
    ):
        criteria.by_accuracy(0.25, [0.1], 0.25, "t")


def test_items_are_drawn_by_seed_and_mixed(wrapped: LanguageModel, data: Path) -> None:
    (task,) = load_tasks(benchmarks_of("zero_shot", ["arc_challenge"]), data, None)

    def names(seed: int) -> list[str]:
        found = of_task(task, "train", 5, seed, wrapped._encode_pair, 512)
        return [item.name for item in found.items]

    assert names(1) == names(1)
    assert len(names(1)) == 5
    assert len({tuple(names(seed)) for seed in range(5)}) > 1
    one, other = _items(wrapped, data, "arc_challenge"), _items(wrapped, data, "winogrande")
    mixed = mixture([one, other], 0.5, seed=1)
    assert len(mixed.items) == round(len(one.items) / 2) + round(len(other.items) / 2)
    assert mixed.name == "mixture of arc_challenge winogrande"
    (sums,) = load_tasks(benchmarks_of("zero_shot", ["gsm8k"]), data, None)
    with pytest.raises(TaskError, match="gsm8k has no choices"):
        of_task(sums, "train", 5, 1, wrapped._encode_pair, 512)
    (facts,) = load_tasks(benchmarks_of("zero_shot", ["truthfulqa"]), data, None)
    with pytest.raises(TaskError, match="truthfulqa has no train split"):
        of_task(facts, "train", 5, 1, wrapped._encode_pair, 512)
