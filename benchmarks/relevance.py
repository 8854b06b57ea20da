"""What relevance by accuracy costs: `python -m benchmarks.relevance --model MODEL`.

The plain loop removes each layer and lets lm-eval's own HFLM score all answers, at the batch size
that is fastest here. Beside it, on the same items and in the same run:

- `step`: the first step of an iterative path on ARC-Easy, by the exact engine;
- `path`: a whole path, by the exact engine; the plain loop checks the best removals of each step;
- `racing`: a whole path by racing; races are replayed, with many seeds, on recorded outcomes;
- `lazy`: a whole path by lazy re-evaluation;
- `few_shot`: one step on five-shot prompts of MMLU, which share their examples.

The plain loop runs the model and its best removals, between which the pick is decided; its time is
projected from these to all, and said to be.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM

from gpu_jobs import devices, models, paths, protocols, sources
from gpu_jobs.criteria import Relevance, from_removals
from gpu_jobs.engine import Engine
from gpu_jobs.items import ItemSet, of_task
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.layer_walk import Work
from gpu_jobs.layers import find_decoder_layers
from gpu_jobs.lazy import lazily
from gpu_jobs.racing import race
from gpu_jobs.removal_scores import RemovalScores, score_removals
from gpu_jobs.surgery import removed
from gpu_jobs.tasks import load_tasks, quiet
from modelstrata.settings import Settings

PARTS = ("step", "path", "racing", "lazy", "few_shot")
#: Together within 40 minutes on two cores; the exact path is a run of its own.
_BY_DEFAULT = ("step", "racing", "lazy", "few_shot")
_SIZES = (8, 16, 32, 64)
_RACES = 20


def clock() -> np.ndarray:
    """Return wall and CPU seconds; the second are of use where others keep the machine busy."""
    return np.array([time.perf_counter(), time.process_time()])


def faster(plain: np.ndarray, ours: np.ndarray) -> str:
    """Say by how much ours is faster."""
    wall, cpu = plain / ours
    return f"{wall:.1f} times faster ({cpu:.1f} in CPU seconds)"


@dataclass
class Bench:
    """A model, as the engine and as lm-eval read it.

    Attributes:
        model: in memory.
        tokenizer: its own.
        reader: cuts prompts and answers into tokens.
        walks: the exact engine.
        seed: draws items, examples and races.
        data: folder of evaluation data.
        n_plain: removals that the plain loop runs, the best ones.
    """

    model: Any
    tokenizer: Any
    reader: LanguageModel
    walks: Engine
    seed: int
    data: Path | None
    n_plain: int

    @property
    def n_layers(self) -> int:
        """Layers of the whole model."""
        return int(self.model.config.get_text_config(decoder=True).num_hidden_layers)

    def weights(self) -> tuple[int, int]:
        """Return how many weights a token meets in a layer, the mean, and for its logits."""
        layers = find_decoder_layers(self.model)
        in_layers = sum(weight.numel() for layer in layers for weight in layer.parameters())
        return in_layers // len(layers), self.model.get_output_embeddings().weight.numel()

    def items(
        self, benchmark: str, split: str, limit: int, protocol: str = "zero_shot", subjects: int = 1
    ) -> ItemSet:
        """Return items of a benchmark, of some of its subjects if it has several."""
        (task,) = load_tasks(protocols.benchmarks_of(protocol, [benchmark]), self.data, None)
        chosen = dict(list(task.subjects.items())[:subjects])
        return of_task(
            replace(task, loaded={**task.loaded, "tasks": chosen}),
            split,
            limit,
            self.seed,
            self.reader._encode_pair,
            self.reader.max_length,
        )

    def engine(
        self, items: ItemSet, path: paths.Path = (), layers: Sequence[int] | None = None
    ) -> tuple[RemovalScores, np.ndarray, Work]:
        """Score the model without `path` and its removals; return scores, seconds and work."""
        work = Work()
        places = range(self.n_layers - len(path)) if layers is None else layers
        start = clock()
        limits = self.walks.limits(items)
        with removed(self.model, path), torch.inference_mode():
            found = score_removals(self.model, items, places, limits=limits, work=work)
        return found, clock() - start, work

    def plain(self, items: ItemSet, path: paths.Path, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return each item's score by lm-eval's HFLM, 0-1, and the seconds it took."""
        asked = [(("", ""), list(r.prompt), list(r.answer)) for r in items.requests]
        with quiet(), removed(self.model, path), torch.inference_mode():
            stock = HFLM(self.model, tokenizer=self.tokenizer, batch_size=size)
            start = clock()
            answers = stock._loglikelihood_tokens(asked, disable_tqdm=True)
            took = clock() - start
        scores = [
            item.score(answers[first : first + len(item.sequences)])
            for item, first in zip(items.items, items.firsts.tolist(), strict=True)
        ]
        return np.asarray(scores), took

    def best_size(self, items: ItemSet) -> int:
        """Return the plain loop's fastest batch size on a part of the items."""
        part = items.part(range(min(48, len(items.items))))
        self.plain(part, (), _SIZES[0])
        took = {size: float(self.plain(part, (), size)[1][0]) for size in _SIZES}
        shown = ", ".join(f"{size}: {seconds:.1f} s" for size, seconds in took.items())
        print(f"plain loop by batch size, {len(part.items)} items: {shown}")
        return min(took, key=took.__getitem__)


def by_harm(found: RemovalScores) -> list[int]:
    """Return the removals by what they leave of the accuracy, the best first; the last of equals.

    Of equal accuracies the likelier answers decide, as in relevance by accuracy, which is undefined
    where the model is at chance.
    """
    left = zip(found.accuracy[1:].tolist(), (-found.log_perplexity[1:]).tolist(), strict=True)
    ranks = [(*both, n) for n, both in enumerate(left)]
    return sorted(range(len(ranks)), key=ranks.__getitem__, reverse=True)


def compared(bench: Bench, items: ItemSet, size: int) -> RemovalScores:
    """Run one step both ways, print what it took, and return the engine's scores."""
    found, seconds, work = bench.engine(items)
    full, first = bench.plain(items, (), size)
    # The best ones, between which the pick is decided.
    best = by_harm(found)[: bench.n_plain]
    plain = {layer: bench.plain(items, (layer,), size) for layer in best}
    n_all = 1 + bench.n_layers
    each = np.array([took for _, took in plain.values()])
    took = first + each.sum(axis=0)
    whole = first + each.mean(axis=0) * bench.n_layers
    moved = [int((scores != found.score[1 + layer]).sum()) for layer, (scores, _) in plain.items()]
    moved.append(int((full != found.score[0]).sum()))
    told = "measured" if len(best) == bench.n_layers else f"projected from {len(best) + 1} runs"
    print(
        f"plain loop, batch {size}: {whole[0]:.0f} s {told} ({took[0]:.0f} s run); engine "
        f"{seconds[0]:.0f} s: {faster(whole, seconds)}"
    )
    n_items = len(items.items)
    print(f"items scored otherwise: {sum(moved)} of {n_items * len(moved)}, at most {max(moved)}")
    print(f"accuracies of the model and without layers {best}, chance {100 * items.chance:.1f}:")
    for name, scores in (
        ("engine", found.score[[0, *(1 + layer for layer in best)]]),
        ("plain loop", np.stack([full, *(scores for scores, _ in plain.values())])),
    ):
        print(f"  {name} {[round(100 * float(mean), 2) for mean in scores.mean(axis=1)]}")
    lengths = [len(r.prompt) + len(r.answer) for r in items.requests]
    # Where answers have one token, HFLM reads a prompt once for all of them.
    single = all(len(r.answer) == 1 for r in items.requests)
    read = sum({r.prompt: len(r.prompt) for r in items.requests}.values())
    tokens = read if single else sum(lengths) - len(lengths)
    layer_tokens = tokens * (bench.n_layers + bench.n_layers * (bench.n_layers - 1))
    rows = tokens * n_all
    print(
        f"layer-tokens {layer_tokens / 1e6:.1f} against {work.layer_tokens / 1e6:.1f} million "
        f"({layer_tokens / work.layer_tokens:.1f} times), tokens {rows / 1e6:.2f} against "
        f"{work.tokens / 1e6:.3f} million, rows of logits {rows / 1e6:.2f} against "
        f"{work.logit_rows / 1e6:.3f} million (without padding in the plain loop)"
    )
    in_layer, in_head = bench.weights()
    bound = (layer_tokens * in_layer + rows * in_head) / (
        work.layer_tokens * in_layer + work.logit_rows * in_head
    )
    print(f"multiplications with weights: {bound:.1f} times as many, the bound of what is gained")
    return found


def step(bench: Bench, n_items: int) -> None:
    """Time the first step of an iterative path on ARC-Easy."""
    items = bench.items("arc_easy", "train", n_items)
    print(f"step: ARC-Easy, zero-shot, {n_items} items of its train split")
    found = compared(bench, items, bench.best_size(items))
    replayed(found, items, 0, bench.seed)


def replayed(found: RemovalScores, items: ItemSet, n_removed: int, seed: int) -> None:
    """Race on recorded outcomes with many seeds, and print how often the pick was right."""
    least = by_harm(found)[0]
    n_items = len(items.items)
    races = [
        race(
            range(len(found.layers)),
            n_items,
            lambda layers, chosen: (
                found.score[1:][np.ix_(layers, chosen)],
                found.log_likelihood[1:][np.ix_(layers, chosen)],
            ),
            error_rate=0.05,
            seed=seed + n,
        )
        for n in range(_RACES)
    ]
    same = sum(one.winner == least for one in races)
    share = np.mean([one.evaluations for one in races]) / (n_items * len(found.layers))
    print(
        f"races with {n_removed} layers removed, {n_items} items: the same pick in {same} of "
        f"{_RACES} seeds, {100 * share:.0f} % of the outcomes used"
    )


def path(bench: Bench, n_items: int, share: float) -> None:
    """Time a whole path; the plain loop scores the best removals of each step."""
    items = bench.items("arc_easy", "train", n_items)
    steps = paths.n_steps(share, bench.n_layers)
    print(f"path: ARC-Easy, zero-shot, {n_items} items, {steps} of {bench.n_layers} layers")
    size = bench.best_size(items)
    gone: paths.Path = ()
    ours, plain = np.zeros(2), np.zeros(2)
    for _ in range(steps):
        found, seconds, _ = bench.engine(items, gone)
        names, order = paths.left(gone, bench.n_layers), by_harm(found)
        checked = [bench.plain(items, (*gone, names[n]), size) for n in order[: bench.n_plain]]
        means = [float(scores.mean()) for scores, _ in checked]
        mine = [float(found.score[1 + n].mean()) for n in order[: bench.n_plain]]
        whole = np.mean([each for _, each in checked], axis=0) * (1 + len(names))
        ours, plain = ours + seconds, plain + whole
        print(
            f"removed {len(gone)}: engine {seconds[0]:.0f} s, plain loop {whole[0]:.0f} s "
            f"projected; best {[names[n] for n in order[: bench.n_plain]]}, accuracies "
            f"{[round(100 * one, 2) for one in mine]}, of the plain loop "
            f"{[round(100 * one, 2) for one in means]}",
        )
        replayed(found, items, len(gone), bench.seed)
        gone += (names[order[0]],)
    tell_path(gone, ours, plain)


def racing(bench: Bench, n_items: int, share: float) -> None:
    """Time a path by racing against the plain loop, projected from the model's own time."""
    items, size, steps, once = path_items("racing", bench, n_items, share)
    depth = bench.n_layers
    gone: paths.Path = ()
    start = clock()
    for number in range(steps):
        names = paths.left(gone, depth)

        def score(
            layers: Sequence[int], chosen: Sequence[int], gone: paths.Path = gone
        ) -> tuple[np.ndarray, np.ndarray]:
            found, _, _ = bench.engine(items.part(chosen), gone, layers)
            return found.score[1:], found.log_likelihood[1:]

        found = race(range(len(names)), n_items, score, error_rate=0.05, seed=bench.seed)
        gone += (names[found.winner],)
        print(f"step {number + 1}: layer {gone[-1]}, {found.evaluations} outcomes", flush=True)
    took = clock() - start
    tell_path(gone, took, projected(bench, items, size, steps, once))


def lazy(bench: Bench, n_items: int, share: float) -> None:
    """Time a path by lazy re-evaluation against the plain loop, projected as for racing."""
    items, size, steps, once = path_items("lazy", bench, n_items, share)
    known: dict[paths.Path, Relevance] = {}

    def score(gone: paths.Path, layers: Sequence[int] | None = None) -> Relevance:
        found, _, _ = bench.engine(items, gone, layers)
        return from_removals("accuracy", found, items)

    def measure(gone: paths.Path) -> Relevance:
        n_measured = bench.n_layers
        if not gone:
            known[gone] = score(gone)
        else:
            names = paths.left(gone[:-1], bench.n_layers)
            kept = [place for place, layer in enumerate(names) if layer != gone[-1]]
            known[gone], fresh = lazily(known[gone[:-1]].of(kept), partial(score, gone))
            n_measured = sum(fresh)
        print(f"removed {len(gone)}: {n_measured} removals measured", flush=True)
        return known[gone]

    start = clock()
    gone = paths.iterative(bench.n_layers, steps, measure)
    took = clock() - start
    tell_path(gone, took, projected(bench, items, size, steps, once))


def tell_path(gone: paths.Path, took: np.ndarray, plain: np.ndarray) -> None:
    """Print a path and what it took beside the plain loop."""
    print(
        f"path {gone}: {took[0]:.0f} s, plain loop {plain[0]:.0f} s projected: "
        f"{faster(plain, took)}"
    )


def path_items(
    label: str, bench: Bench, n_items: int, share: float
) -> tuple[ItemSet, int, int, np.ndarray]:
    """Return items for a path, the plain loop's fastest batch size, steps, and the model's time."""
    items = bench.items("arc_easy", "train", n_items)
    steps = paths.n_steps(share, bench.n_layers)
    print(f"{label}: ARC-Easy, zero-shot, {n_items} items, {steps} of {bench.n_layers} layers")
    size = bench.best_size(items)
    return items, size, steps, bench.plain(items, (), size)[1]


def projected(
    bench: Bench, items: ItemSet, size: int, steps: int, before: np.ndarray
) -> np.ndarray:
    """Return what the plain loop's path takes by its time for the model, before ours and after."""
    _, after = bench.plain(items, (), size)
    depth = bench.n_layers
    # As many runs as there are layers left, each through about as many layers.
    runs = sum((depth - n) ** 2 / depth for n in range(steps))
    return np.asarray((before + after) / 2 * runs)


def few_shot(bench: Bench, n_items: int, subjects: int) -> None:
    """Time one step on five-shot prompts of MMLU."""
    items = bench.items("mmlu", "test", n_items, "leaderboard_v1", subjects)
    print(f"few_shot: MMLU, five-shot, {subjects} subjects of {n_items} items")
    compared(bench, items, min(_SIZES[0], n_items))


def main() -> None:
    """Compare the ways, part by part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="Hub id, local folder or GGUF file")
    parser.add_argument("--eval-data", type=Path, help="default: MODELSTRATA_EVAL_DATA")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=_BY_DEFAULT)
    parser.add_argument("--items", type=int, default=300, help="of the first step")
    parser.add_argument("--racing-items", type=int, default=64, help="of racing and of lazy paths")
    parser.add_argument("--path-items", type=int, default=100)
    parser.add_argument("--few-shot-items", type=int, default=32, help="of each subject")
    parser.add_argument("--subjects", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument(
        "--plain-removals", type=int, default=3, help="the best ones, that the plain loop runs too"
    )
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--budget", type=int)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--device")
    args = parser.parse_args()
    device = devices.pick_device(args.device)
    source = sources.locate(args.model, None, None, False)
    config = models.load_config(source, False)
    tokenizer = models.load_tokenizer(source, False)
    model = models.load_model(source, config, args.dtype, device, False).eval()
    reader = LanguageModel(model, tokenizer, _SIZES[0])
    n_layers = int(config.get_text_config(decoder=True).num_hidden_layers)
    bench = Bench(
        model,
        tokenizer,
        reader,
        Engine(reader, n_layers, tokens=args.budget),
        args.seed,
        args.eval_data or Settings().eval_data,
        args.plain_removals,
    )
    print(
        f"{source.model_id} on {device.type}, {torch.get_num_threads()} threads, {args.dtype}",
        flush=True,
    )
    if "step" in args.only:
        step(bench, args.items)
    if "path" in args.only:
        path(bench, args.path_items, args.share)
    if "racing" in args.only:
        racing(bench, args.racing_items, args.share)
    if "lazy" in args.only:
        lazy(bench, args.racing_items, args.share)
    if "few_shot" in args.only:
        few_shot(bench, args.few_shot_items, args.subjects)


if __name__ == "__main__":
    main()
