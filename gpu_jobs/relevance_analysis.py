"""Compare maps of relevance: over tasks, criteria, numbers of items, checkpoints and steps.

Reads folders that `python -m gpu_jobs.relevance` wrote and writes, into another, a Parquet file a
statistic and a PNG file a plot. It needs no model, and running it again replaces its files.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from gpu_jobs import command
from gpu_jobs.errors import TaskError
from gpu_jobs.options import positive
from gpu_jobs.path_comparisons import ALL_TASKS, RANDOM
from modelstrata.landing import write_atomically

#: Numbers of items that maps are drawn from.
_SIZES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m gpu_jobs.relevance_analysis`."""
    made = argparse.ArgumentParser(
        prog="python -m gpu_jobs.relevance_analysis", description=description, allow_abbrev=False
    )
    add = made.add_argument
    add("folder", nargs="+", type=Path, help="what the relevance program's --output named")
    add("--output", required=True, type=Path, help="folder of the statistics and plots")
    add(
        "--models",
        nargs="+",
        default=[],
        help="checkpoints in their order, as ids or id@revision, to plot one below the other",
    )
    add("--unit", default="block", help="what was removed: block (the default), attention or mlp")
    add("--split", choices=("train", "test", "text"), help="only maps of this split")
    add("--draws", type=positive, default=100, help="draws of each number of items (default: 100)")
    add("--seed", type=int, default=1234, help="of these draws (default: 1234)")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    args = parser(__doc__).parse_args(arguments)
    return command.run_quietly(
        lambda dagster, stderr: _run(args, stderr), "run it again to replace its files."
    )


def _run(args: argparse.Namespace, stderr: TextIO) -> list[dict[str, Any]]:
    from gpu_jobs import (
        path_comparisons,
        relevance_figures,
        relevance_results,
        relevance_statistics,
    )

    maps = relevance_results.read(args.folder, "layer_relevance")
    if not maps.empty:
        maps = maps[maps["unit"] == args.unit]
    if args.split and not maps.empty:
        maps = maps[maps["split"] == args.split]
    if maps.empty:
        raise TaskError(
            f"No maps of relevance lie below {', '.join(map(str, args.folder))}: give folders that "
            "`python -m gpu_jobs.relevance` wrote."
        )
    newest = relevance_results.newest_maps(maps)
    if args.models:
        newest = relevance_results.in_order(newest, args.models)
    whole = newest[newest["removed_layers"] == ""]
    several = sorted({task for _, task in _splits(whole)})
    if several:
        raise TaskError(f"{several[0]} was measured on several splits: choose one with --split.")
    sized, figures = _convergence(args, maps)
    paths = relevance_results.read(args.folder, "pruning_paths")
    if not paths.empty:
        paths = paths[paths["unit"] == args.unit]
    items = relevance_results.read(args.folder, "item_scores")
    found = {
        "relevance_variances": relevance_statistics.variances(whole),
        "task_relations": relevance_statistics.task_relations(whole),
        "rank_agreement": relevance_statistics.rank_agreement(whole),
        "relevance_convergence": sized,
        "path_comparisons": path_comparisons.comparisons(paths, items),
    }
    spread = found["relevance_variances"]
    if not spread.empty:
        found["variance_tests"] = relevance_statistics.compared_variances(spread)
    if args.models:
        columns = ["checkpoint", "model", "revision", "task", "criterion", "layer", "relevance"]
        found["checkpoints"] = whole[columns]
    for name, rows in found.items():
        if not rows.empty:
            _write(args.output / f"{name}.parquet", rows.to_parquet)
    _print(found)
    for name, figure in chain(relevance_figures.all_of(newest, paths, args.models), figures):
        _write(args.output / f"{name}.png", partial(figure.savefig, format="png"))
        print(f"{name}.png")
    return []


def _splits(whole: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield models and tasks that were measured on several splits by one criterion."""
    counted = whole.groupby(["model", "task", "criterion"])["split"].nunique()
    yield from ((model, task) for model, task, _ in counted[counted > 1].index)


def _convergence(
    args: argparse.Namespace, maps: pd.DataFrame
) -> tuple[pd.DataFrame, Iterator[tuple[str, Any]]]:
    """Return how maps of fewer items agree with those of all, and a plot of each map by number."""
    from gpu_jobs import relevance_convergence, relevance_figures, relevance_results

    items = relevance_results.read(args.folder, "removal_items")
    if items.empty:
        return items, iter(())
    # Comparing outputs scores answers, too, but their items are not kept.
    kept = maps[maps["result_key"].isin(items["result_key"]) & (maps["removed_layers"] == "")]
    rows, figures = [], []
    for (model, task, criterion), one in relevance_results.newest_maps(kept).groupby(
        ["model", "task", "criterion"]
    ):
        own = items[items["result_key"] == one["result_key"].iloc[0]]
        outcomes = relevance_convergence.Outcomes(own.drop_duplicates(["layer", "item"]))
        sizes = [size for size in _SIZES if size < outcomes.n_items] + [outcomes.n_items]
        found = relevance_convergence.convergence(
            outcomes, str(criterion), sizes, args.draws, args.seed
        )
        rows.append(found.assign(model=str(model), task=str(task)))
        name = f"{model}, {task}, {criterion}"
        figures.append(relevance_figures.by_size(name, outcomes, str(criterion), sizes, args.seed))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(), iter(figures)


def _print(found: dict[str, pd.DataFrame]) -> None:
    for row in found.get("variance_tests", pd.DataFrame()).to_dict("records"):
        print(
            f"{row['model']}: variance over {row['n_tasks']} tasks {row['mean_variance']:.3f} by "
            f"{row['criterion']}, {row['mean_variance_by_accuracy']:.3f} by accuracy; "
            f"Wilcoxon W = {row['w']:g}, p = {row['p']:.2g} ({row['n_layers']} layers)"
        )
    for row in found["rank_agreement"].to_dict("records"):
        print(
            f"{row['model']}: {row['criterion']} misranks {100 * row['share_misranked']:.1f} % of "
            f"{row['n_points']} layers, {100 * row['share_far']:.1f} % by more than two places; "
            f"correlation with the change of score {row['pearson']:+.2f}"
        )
    for row in found["relevance_convergence"].to_dict("records"):
        print(
            f"{row['model']}, {row['task']}, {row['criterion']}: {row['n_drawn']} of "
            f"{row['n_items']} items, rank correlation {row['spearman']:.3f}, same least layer in "
            f"{100 * row['share_same_least']:.0f} %, {row['n_undefined']} undefined"
        )
    for row in found["path_comparisons"].to_dict("records"):
        # Each path beside random ones; the file has every pair.
        if row["task"] == ALL_TASKS and row["other_path"] == RANDOM:
            ends = (row["difference_low"], row["difference_high"])
            low, high = (f"{end:+.1f}" for end in ends)
            print(
                f"{row['model']}, {row['step']} layers removed, mean of {row['n_tasks']} tasks: "
                f"{row['path']} {row['score']:.1f}, {row['other_path']} {row['other_score']:.1f}, "
                f"difference {row['difference']:+.1f} [{low}, {high}]"
            )


def _write(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: write(temporary))


if __name__ == "__main__":
    sys.exit(main())
