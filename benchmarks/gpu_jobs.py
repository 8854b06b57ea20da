"""What layer gradients and block influence cost: `python -m benchmarks.gpu_jobs --model MODEL`.

The ways are timed in turn, round after round, in one process, so that other work on the machine
falls on all alike; a ratio is the median of the rounds' ratios:

- nuclear norms of all gradients, against `torch.linalg.svdvals` of each, on one thread;
- layer gradients over a data set, without and with norms of each sample, against the backward
  passes alone, and their memory;
- block influence of all layers, against a plain forward pass over the same texts, and its memory
  against a pass with `output_hidden_states`;
- evaluating a pruned model in memory, against saving it and lm-eval's loading and evaluating it.
"""

import argparse
import ctypes
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks import pruned_evaluation
from gpu_jobs import devices, models, pair_batches, pairs, protocols, sources
from gpu_jobs.datasets import read_dataset
from gpu_jobs.gradient_norms import norms_of_gradients
from gpu_jobs.influence import block_influence
from gpu_jobs.layer_gradients import layer_gradients
from gpu_jobs.losses import response_loss
from gpu_jobs.matrices import find_matrices
from gpu_jobs.matrix_parts import Matrix
from gpu_jobs.tasks import load_tasks
from gpu_jobs.texts import make_batches
from modelstrata.settings import Settings

Taken = dict[str, list[float]]


def seconds(ways: dict[str, Callable[[], object]], rounds: int) -> Taken:
    """Return the wall seconds of each way, one a round."""
    taken: Taken = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken[name].append(time.perf_counter() - start)
    return taken


def ratio(taken: Taken, one: str, other: str) -> str:
    """Say how many times as long as the other one way took, and in how many rounds."""
    each = [a / b for a, b in zip(taken[one], taken[other], strict=True)]
    return (
        f"{one} / {other}: {median(each):.2f} ({min(each):.2f}-{max(each):.2f}, {len(each)} rounds)"
    )


def peak_bytes(device: torch.device, way: Callable[[], object]) -> int:
    """Return how far memory rises above where it was while `way` runs."""
    if device.type == "cuda":
        devices.start_peak_memory(device)
        before = torch.cuda.memory_allocated(device)
        way()
        return devices.peak_memory_bytes(device) - before
    # Memory that was freed goes back first, and Linux forgets a process's peak on this request.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    way()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def backward(model: Any, matrices: Sequence[Matrix], samples: list[pairs.Sample], size: int) -> Any:
    """Return the gradients of the matrices' weights, accumulated as a plain loop would."""
    weights = {part.weight for matrix in matrices for part in matrix.parts}
    model.requires_grad_(False)
    for weight in weights:
        weight.grad = None
        weight.requires_grad_(True)
    device = next(model.parameters()).device
    for batch in pair_batches.batches(samples, size, device):
        (response_loss(model, batch) / len(samples)).backward()
    model.requires_grad_(True)
    return {weight: weight.grad for weight in weights}


def norms(matrices: Sequence[Matrix], whole: dict[Any, torch.Tensor], rounds: int) -> None:
    """Time nuclear norms of the gradients `whole`."""
    exact: list[float] = []
    ours: list[float] = []

    def svd() -> None:
        exact[:] = [
            sum(float(torch.linalg.svdvals(p.of(whole[p.weight])).sum()) for p in matrix.parts)
            for matrix in matrices
        ]

    def quick() -> None:
        ours[:] = [norms.nuclear for norms in norms_of_gradients(matrices, dict(whole)).values()]

    n_threads = torch.get_num_threads()
    # On a busy machine MKL's threads wait for each other, and svdvals takes ten times as long.
    for threads in sorted({1, n_threads}):
        torch.set_num_threads(threads)
        took = seconds({"svdvals": svd, "ours": quick}, rounds)
        each = "; ".join(f"{name} {min(times):.2f} s" for name, times in took.items())
        print(f"nuclear norms, {threads} threads: {ratio(took, 'svdvals', 'ours')}; {each}")
    worst = max(abs(one / other - 1) for one, other in zip(ours, exact, strict=True))
    print(f"largest relative difference {worst:.1e}")


def gradients(model: Any, samples: list[pairs.Sample], size: int, rounds: int) -> None:
    """Time norms and passes, and print the memory of these."""
    start = time.perf_counter()
    matrices = find_matrices(model)
    print(f"finding {len(matrices)} matrices by experiment: {time.perf_counter() - start:.1f} s")
    whole = backward(model, matrices, samples, size)
    model.zero_grad()
    norms(matrices, whole, rounds)
    n_bytes = sum(gradient.nbytes for gradient in whole.values())
    whole.clear()

    def ways(rows: list[pairs.Sample]) -> dict[str, Callable[[], object]]:
        def alone() -> None:
            backward(model, matrices, rows, size)
            model.zero_grad()

        return {
            "backward": alone,
            "gradients": lambda: layer_gradients(model, matrices, rows, size, per_sample=False),
            "with each sample's": lambda: layer_gradients(model, matrices, rows, size),
        }

    # The first passes of a process are slower; the longest samples come first and take most memory.
    longest = sorted(samples, key=lambda sample: len(sample.ids))[-size:]
    device = next(model.parameters()).device
    peaks = [
        f"{name} {peak_bytes(device, way) / 1e6:.0f} MB" for name, way in ways(longest).items()
    ]
    took = seconds(ways(samples), rounds)
    n_tokens = sum(len(sample.ids) for sample in samples)
    print(
        f"{len(samples)} samples, {n_tokens} tokens: backward passes {min(took['backward']):.1f} s"
    )
    print(ratio(took, "gradients", "backward"))
    print(ratio(took, "with each sample's", "backward"))
    n_weights = sum(weight.nbytes for weight in model.parameters())
    print(
        f"weights {n_weights / 1e6:.0f} MB, one gradient {n_bytes / 1e6:.0f} MB; above the weights:"
    )
    print(", ".join(peaks))


def influence(model: Any, encoded: list[list[int]], size: int, rounds: int) -> None:
    """Time block influence, and compare memory."""
    device = next(model.parameters()).device

    @torch.inference_mode()
    def forward(**options: bool) -> None:
        for batch in make_batches(encoded, size, device):
            model.base_model(**batch, **options)

    def ours() -> None:
        block_influence(model, make_batches(encoded, size, device))

    took = seconds({"forward": forward, "block influence": ours}, rounds)
    print(f"forward pass over {sum(map(len, encoded))} tokens: {min(took['forward']):.2f} s")
    print(ratio(took, "block influence", "forward"))
    plain, usual, mine = (
        peak_bytes(device, way)
        for way in (forward, lambda: forward(output_hidden_states=True), ours)
    )
    print(
        f"memory above the weights: forward pass {plain / 1e6:.0f} MB, block influence "
        f"{mine / 1e6:.0f} MB, with output_hidden_states {usual / 1e6:.0f} MB"
    )


def evaluation(
    model: Any, tokenizer: Any, source: sources.Source, data: Path | None, rounds: int
) -> None:
    """Time evaluations of the model without its middle layer, on 100 documents of ARC-Easy."""
    benchmarks = protocols.benchmarks_of("zero_shot", ["arc_easy"])
    (task,) = load_tasks(benchmarks, data, 100)
    middle = (int(model.config.get_text_config(decoder=True).num_hidden_layers) // 2,)
    ways, scores = pruned_evaluation.ways(model, tokenizer, source, task, middle, 32)
    took = seconds(ways, rounds)
    shown = ", ".join(f"{name} {score:.1f}" for name, score in scores.items())
    print(
        f"without layer {middle[0]}, ARC-Easy acc_norm: {shown}; {min(took['saved']):.1f} s saved"
    )
    print(ratio(took, "saved", "in memory"))


def main() -> None:
    """Compare each pair of ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="Hub id, local folder or GGUF file")
    parser.add_argument("--dataset", default="gsm8k", help="data set, as of gpu_jobs.gradients")
    parser.add_argument("--eval-data", type=Path, help="default: MODELSTRATA_EVAL_DATA")
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device")
    parser.add_argument("--only", choices=("gradients", "influence", "evaluation"))
    args = parser.parse_args()
    device = devices.pick_device(args.device)
    source = sources.locate(args.model, None, None, False)
    config = models.load_config(source, False)
    data = args.eval_data or Settings().eval_data
    found = read_dataset(args.dataset, data, args.samples)
    tokenizer = models.load_tokenizer(source, False)
    samples, _ = pairs.encode_pairs(found, tokenizer, models.longest(config, None), args.samples)
    model = models.load_model(source, config, "float32", device, False).eval()
    print(f"{source.model_id} on {device.type}, {torch.get_num_threads()} threads, {args.dataset}")
    if args.only in (None, "gradients"):
        gradients(model, samples, args.batch_size, args.rounds)
    if args.only in (None, "influence"):
        influence(model, [list(s.ids) for s in samples], args.batch_size, args.rounds)
    if args.only in (None, "evaluation"):
        evaluation(model, tokenizer, source, data, args.rounds)


if __name__ == "__main__":
    main()
