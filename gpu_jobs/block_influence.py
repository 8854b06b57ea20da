"""Measure the block influence of every layer of a model on a text set.

The measure is equation 3 of the Structure paper (2509.18136), taken in one forward pass. The
result is one Parquet file with the columns of the landing table `block_influence`.
"""

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu_jobs import command, pipes
from gpu_jobs.errors import TextError
from gpu_jobs.options import parser


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    args = parser(__doc__).parse_args(arguments)
    return command.run(
        lambda dagster: _run(args, dagster),
        lambda rows: (_summary(rows), rows[0]["result_key"]),
        "no result was written.",
        command.say,
    )


def _run(args: argparse.Namespace, dagster: Any) -> list[dict[str, Any]]:
    """Return the rows of the result, found or computed."""
    from gpu_jobs import texts

    named = args.texts or Path(args.task)
    benchmark = args.benchmark or named.stem
    if not re.fullmatch(r"[a-z0-9_.-]+", benchmark):
        raise TextError(
            f"{benchmark!r} is no benchmark name: give one of a-z, 0-9, '_', '.' and '-' "
            "with --benchmark."
        )
    found = texts.read_texts(args.texts, args.limit) if args.texts else None

    # From here on torch and transformers are needed, which take seconds to import.
    from gpu_jobs import benchmark_texts, devices, influence, models, results, sources
    from modelstrata.landing import file_digest
    from modelstrata.progress import progress

    device = devices.pick_device(args.device)
    earlier = results.read_result(args.output)
    trust = args.trust_remote_code
    source = sources.locate(args.model, args.revision, args.model_id, trust)
    config = models.load_config(source, trust)
    max_length = models.longest(config, args.max_length)
    modules: tuple[str, ...] = results.COMPUTING
    if found is None:
        found = benchmark_texts.of(args.task, args.protocol, args.eval_data, args.limit)
        texts_sha256, modules = benchmark_texts.digest(found), benchmark_texts.COMPUTING
    else:
        texts_sha256 = file_digest(args.texts)
    encoded, truncated = texts.encode(found, models.load_tokenizer(source, trust), max_length)
    if found.set_aside:
        command.say(found.summary(named))
    texts.require_texts(found, named)
    if truncated:
        command.say(f"{truncated} of {len(encoded)} texts truncated to {max_length} tokens")

    chosen = {
        "benchmark": benchmark,
        "n_texts": len(encoded),
        "max_length": max_length,
        "dtype": args.dtype,
        "device": device.type,
    }
    provenance = {
        **results.provenance(source, chosen, texts_sha256, modules),
        "texts_sha256": texts_sha256,
    }
    if earlier and earlier[0]["result_key"] == provenance["result_key"]:
        command.say(f"{args.output} holds result {provenance['result_key']} already: nothing to do")
        return earlier

    results.check_writable(args.output)
    devices.start_peak_memory(device)
    model = models.load_model(source, config, args.dtype, device, trust)
    models.check_vocabulary(model, encoded)
    n_batches = -(-len(encoded) // args.batch_size)
    label = f"block influence of {source.model_id}"
    with progress(label, n_batches) as advance:
        measured = influence.block_influence(
            model,
            texts.make_batches(encoded, args.batch_size, device),
            pipes.reporting(advance, dagster, n_batches, label),
            lambda size: command.say(f"out of memory: going on with at most {size} texts a batch"),
        )
    shared = {
        **provenance,
        "computed_at": datetime.now(UTC),
        "n_layers": len(measured.values),
        "n_tokens": measured.n_tokens,
        # Told, and no column of the table.
        "peak_memory_bytes": devices.peak_memory_bytes(device),
    }
    rows = [
        {**shared, "layer": layer, "block_influence": value}
        for layer, value in enumerate(measured.values)
    ]
    results.write_result(args.output, rows)
    said = _summary(rows)
    command.say(
        f"{args.output}: {said['n_layers']} layers over {said['n_tokens']} tokens, "
        f"least influential layer {said['least_influential_layer']}, "
        f"most influential layer {said['most_influential_layer']}"
    )
    return rows


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    by_influence = sorted(rows, key=lambda row: (row["block_influence"], row["layer"]))
    kept = ("model_id", "benchmark", "n_layers", "n_tokens", "result_key", "peak_memory_bytes")
    return {
        **{name: rows[0][name] for name in kept if name in rows[0]},
        "least_influential_layer": by_influence[0]["layer"],
        "most_influential_layer": by_influence[-1]["layer"],
    }


if __name__ == "__main__":
    sys.exit(main())
