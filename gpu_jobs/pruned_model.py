"""Write a pruned model: replay a path of removals out of a folder of relevance results.

The path's first steps are taken out of the model, and what is left is written as safetensors with
tokenizer, configuration and a model card that tells which layers went, why, and at what cost. With
`--healed` the adapters that healing trained are made part of the weights.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from gpu_jobs import command
from gpu_jobs.options import add_model_options, positive


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    args = _parser().parse_args(arguments)
    return command.run(
        lambda dagster: _run(args), command.counted, "no model was written.", command.say
    )


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m gpu_jobs.pruned_model", description=__doc__, allow_abbrev=False
    )
    add = made.add_argument
    add_model_options(made)
    add("--results", required=True, type=Path, help="folder that gpu_jobs.relevance has filled")
    add("--output", required=True, type=Path, help="new folder of the pruned model")
    which = made.add_argument_group("which path (what is left open must be the only one)")
    which.add_argument("--criterion", help="of relevance; random for random paths")
    which.add_argument("--path", help="iterative, one_shot, block, beam or random")
    which.add_argument("--calibration", help="task, text set or mixture that it was found on")
    which.add_argument("--seed", type=int, help="of a random path")
    which.add_argument("--result", help="result key of a row, whose path and step it is")
    add("--healed", metavar="TASK", help="take what --heal made of it on this task")
    add("--steps", type=positive, help="removals to replay (default: all that were scored)")
    return made


def _run(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Write the model; return the rows of the step that it is."""
    from gpu_jobs import devices, found_paths, lora, models, sources
    from gpu_jobs.adapters import read_adapters
    from gpu_jobs.cells import CellStore
    from gpu_jobs.errors import OutputError
    from gpu_jobs.pruned_files import check_free, write_model
    from gpu_jobs.surgery import removed

    check_free(args.output)
    trust = args.trust_remote_code
    source = sources.locate(args.model, args.revision, args.model_id, trust)
    rows = CellStore(args.results).table("pruning_paths")
    wanted = {
        "criterion": args.criterion,
        "path": args.path,
        "calibration": args.calibration,
        "path_seed": args.seed,
    }
    if args.result:
        of_key = [row for row in rows if row["result_key"] == args.result]
        if not of_key:
            raise OutputError(f"{args.results} holds no result {args.result}: check --result.")
        wanted.update({name: of_key[0].get(name) for name in found_paths.IDENTITY})
        args.steps = args.steps or of_key[0]["step"]
        if of_key[0]["healed"]:
            args.healed = args.healed or of_key[0]["task"]
    found = found_paths.pick(
        rows, source.weights_sha256(), wanted, args.steps, str(args.results), args.healed
    )
    told = found.healing
    adapters = read_adapters(args.results, told.get("adapters")) if told else {}
    device = devices.pick_device(args.device)
    config = models.load_config(source, trust)
    tokenizer = models.load_tokenizer(source, trust)
    model = models.load_model(source, config, args.dtype, device, trust).eval()
    models.check_finite(model)
    with removed(model, found.order) as removal:
        if told:
            lora.merge(model, adapters, told["targets"], told["rank"], told["alpha"])
        write_model(model, tokenizer, args.output, removal, source, found.account())
    print(
        f"{args.output}: {source.model_id} without layers {' '.join(map(str, found.order))}, "
        f"{removal.n_parameters - removal.n_removed_parameters:,} of "
        f"{removal.n_parameters:,} parameters" + (f", healed on {args.healed}" if told else "")
    )
    return list(found.rows)


if __name__ == "__main__":
    sys.exit(main())
