"""What layer gradients and block influence cost: `python -m benchmarks.gpu_jobs --model MODEL`.

Each pair of ways is timed in turn, round after round, in one process, and the fastest round of each
counts, so that other work on the machine falls on both alike:

- nuclear norms of all gradients, against `torch.linalg.svdvals` of each;
- layer gradients over a data set, without and with norms of each sample, against the backward
  passes alone;
- block influence of all layers, against a plain forward pass over the same texts, and its memory
  against a pass with `output_hidden_states`.
"""

import argparse
import ctypes
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gpu_jobs import devices, models, pairs, sources
from gpu_jobs.datasets import read_dataset
from gpu_jobs.influence import block_influence
from gpu_jobs.layer_gradients import layer_gradients, nuclear_norms
from gpu_jobs.losses import response_loss
from gpu_jobs.matrices import Matrix, find_matrices
from gpu_jobs.texts import make_batches
from modelstrata.settings import Settings


def seconds(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the fastest round of each way, in wall seconds."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in taken.items()}


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
    for batch in pairs.batches(samples, size, device):
        (response_loss(model, batch) / len(samples)).backward()
    model.requires_grad_(True)
    return {weight: weight.grad for weight in weights}


def gradients(model: Any, samples: list[pairs.Sample], size: int, rounds: int) -> None:
    """Time norms and passes."""
    start = time.perf_counter()
    matrices = find_matrices(model)
    print(f"finding {len(matrices)} matrices by experiment: {time.perf_counter() - start:.1f} s")
    whole = backward(model, matrices, samples, size)
    model.zero_grad()
    exact: list[float] = []
    ours: list[float] = []

    def svd() -> None:
        exact[:] = [
            sum(float(torch.linalg.svdvals(p.of(whole[p.weight])).sum()) for p in matrix.parts)
            for matrix in matrices
        ]

    def quick() -> None:
        ours[:] = [norms.nuclear for norms in nuclear_norms(matrices, dict(whole)).values()]

    took = seconds({"svdvals": svd, "ours": quick}, rounds)
    worst = max(abs(one / other - 1) for one, other in zip(ours, exact, strict=True))
    print(f"nuclear norms: svdvals {took['svdvals']:.2f} s, ours {took['ours']:.2f} s")
    print(f"svdvals / ours: {took['svdvals'] / took['ours']:.2f}; largest difference {worst:.1e}")
    whole.clear()
    took = seconds(
        {
            "backward": lambda: backward(model, matrices, samples, size),
            "gradients": lambda: layer_gradients(model, matrices, samples, size, per_sample=False),
            "each": lambda: layer_gradients(model, matrices, samples, size),
        },
        rounds,
    )
    base = took["backward"]
    print(f"{len(samples)} samples: backward passes alone {base:.2f} s")
    print(f"layer gradients / backward passes: {took['gradients'] / base:.2f}")
    print(f"with norms of each sample / backward passes: {took['each'] / base:.2f}")


def influence(model: Any, encoded: list[list[int]], size: int, rounds: int) -> None:
    """Time block influence, and compare memory."""
    device = next(model.parameters()).device

    @torch.inference_mode()
    def forward(**options: bool) -> None:
        for batch in make_batches(encoded, size, device):
            model.base_model(**batch, **options)

    def ours() -> None:
        block_influence(model, make_batches(encoded, size, device))

    took = seconds({"forward": forward, "ours": ours}, rounds)
    print(f"forward pass over {sum(map(len, encoded))} tokens: {took['forward']:.2f} s")
    print(f"block influence / forward pass: {took['ours'] / took['forward']:.2f}")
    plain, usual, mine = (
        peak_bytes(device, way)
        for way in (forward, lambda: forward(output_hidden_states=True), ours)
    )
    print(
        f"memory above the weights: forward pass {plain / 1e6:.0f} MB, block influence "
        f"{mine / 1e6:.0f} MB, with output_hidden_states {usual / 1e6:.0f} MB"
    )


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
    parser.add_argument("--only", choices=("gradients", "influence"))
    args = parser.parse_args()
    device = devices.pick_device(args.device)
    source = sources.locate(args.model, None, None, False)
    config = models.load_config(source, False)
    found = read_dataset(args.dataset, args.eval_data or Settings().eval_data)
    tokenizer = models.load_tokenizer(source, False)
    samples, _ = pairs.encode_pairs(found, tokenizer, models.longest(config, None), args.samples)
    model = models.load_model(source, config, "float32", device, False).eval()
    print(f"{source.model_id} on {device.type}, {torch.get_num_threads()} threads, {args.dataset}")
    if args.only != "influence":
        gradients(model, samples, args.batch_size, args.rounds)
    if args.only != "gradients":
        influence(model, [list(s.ids) for s in samples], args.batch_size, args.rounds)


if __name__ == "__main__":
    main()
