"""What the launchpad lets a user ask of a layer job, and the options it stands for."""

from collections.abc import Sequence
from typing import Literal

import dagster as dg
from pydantic import Field

from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings

#: Benchmarks of small runs; a folder of evaluation data holds both.
_SMALL = ["arc_easy", "winogrande"]


class LayerConfig(dg.Config):
    """How a model is loaded and run, whatever is measured."""

    revision: str | None = Field(default=None, description="Branch, tag or commit on the Hub.")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="Number type of the weights."
    )
    batch_size: int = Field(default=8, ge=1, description="Texts or prompts at a time.")
    max_length: int | None = Field(
        default=None, ge=1, description="Tokens of a text; by default the program's own."
    )

    def options(self, settings: Settings) -> list[str]:
        """Return the options of the program's command line, those that stand here first.

        Raises:
            ModelstrataError: a name would be read as an option.
        """
        found = [f"--dtype={self.dtype}", f"--batch-size={self.batch_size}"]
        if self.revision:
            found.append(f"--revision={self.revision}")
        if self.max_length:
            found.append(f"--max-length={self.max_length}")
        return found


class BlockInfluenceConfig(LayerConfig):
    """What block influence is measured on."""

    task: str | None = Field(
        default=None,
        description="Benchmark whose prompts with their right answers are read, such as arc_easy; "
        "by default the texts of MODELSTRATA_GPU_TEXTS are.",
    )
    limit: int | None = Field(default=None, ge=1, description="Only the first texts.")

    def options(self, settings: Settings) -> list[str]:
        """Return the options of `python -m gpu_jobs.block_influence`."""
        read = f"--task={self.task}" if self.task else f"--texts={settings.gpu_texts}"
        found = [*super().options(settings), read]
        return [*found, f"--limit={self.limit}"] if self.limit else found


class PruningConfig(LayerConfig):
    """Which layers are removed, and what the model is evaluated on before and after."""

    tasks: list[str] = Field(
        default=_SMALL, description="Benchmarks; an empty list is all of the protocol."
    )
    protocol: str = Field(default="zero_shot", description="Prompts: zero_shot, leaderboard_v1.")
    limit: int | None = Field(
        default=50, ge=1, description="Documents a task, of MMLU a subject; null is all."
    )
    layers: list[str] = Field(default=[], description="Given layers: 21-29, or 3,7,21.")
    n: list[int] = Field(default=[1, 3], description="This many with the lowest influence.")
    random: list[int] = Field(default=[3], description="This many at random.")
    draws: int = Field(default=3, ge=1, description="Random draws of each number.")

    def options(self, settings: Settings) -> list[str]:
        """Return the options of `python -m gpu_jobs.pruning`."""
        found = [*super().options(settings), f"--protocol={self.protocol}"]
        found += [f"--layers={layers}" for layers in self.layers]
        found += _several("--n", self.n) + _several("--random", self.random)
        found += [f"--draws={self.draws}", *_several("--tasks", self.tasks)]
        return [*found, f"--limit={self.limit}"] if self.limit else found


class GradientsConfig(LayerConfig):
    """What gradients are taken on, and after how much fine-tuning."""

    datasets: list[str] = Field(
        default=_SMALL,
        description="Benchmarks, styles of writing, or files of one's own, also as NAME=PATH.",
    )
    steps: list[int] = Field(default=[0], description="After so many steps of fine-tuning.")
    limit: int | None = Field(
        default=32, ge=1, description="Only the first samples of each; null is all."
    )

    def options(self, settings: Settings) -> list[str]:
        """Return the options of `python -m gpu_jobs.gradients`."""
        found = [*super().options(settings), *_several("--dataset", self.datasets)]
        found += _several("--steps", self.steps)
        return [*found, f"--limit={self.limit}"] if self.limit else found


class RelevanceConfig(LayerConfig):
    """By which criteria, and on what, the relevance of layers is measured."""

    tasks: list[str] = Field(
        default=_SMALL, description="Benchmarks; an empty list is all of the protocol."
    )
    criteria: list[str] = Field(
        default=["accuracy", "cosine"],
        description="accuracy, perplexity, output_cosine, output_norm, output_divergence, taylor "
        "or cosine.",
    )
    split: Literal["train", "test"] = Field(
        default="train", description="Split of the items that relevance is measured on."
    )
    protocol: str = Field(default="zero_shot", description="Prompts: zero_shot, leaderboard_v1.")
    limit: int | None = Field(
        default=50, ge=1, description="Items a task, of MMLU a subject; null is all."
    )

    def options(self, settings: Settings) -> list[str]:
        """Return the options of `python -m gpu_jobs.relevance`, without paths."""
        found = [*super().options(settings), f"--protocol={self.protocol}", f"--split={self.split}"]
        found += _several("--tasks", self.tasks) + _several("--criteria", self.criteria)
        return [*found, f"--limit={self.limit}"] if self.limit else found


class PathsConfig(RelevanceConfig):
    """In which orders layers are removed, and what the model is scored on at each step."""

    paths: list[str] = Field(
        default=["iterative", "one_shot"], description="iterative, one_shot, block or beam."
    )
    random: int = Field(default=2, ge=0, description="Random paths beside them.")
    share: float = Field(default=0.25, gt=0, lt=1, description="Share of the layers to remove.")
    racing: float | None = Field(
        default=None, gt=0, lt=1, description="Find layers by racing, at this error rate."
    )
    test_limit: int | None = Field(
        default=50, ge=1, description="Items a task that are scored; null is all."
    )

    def options(self, settings: Settings) -> list[str]:
        """Return the options of `python -m gpu_jobs.relevance`."""
        found = [*super().options(settings), *_several("--paths", self.paths)]
        found += [f"--random={self.random}", f"--share={self.share}"]
        if self.racing:
            found.append(f"--racing={self.racing}")
        return [*found, f"--test-limit={self.test_limit}"] if self.test_limit else found


def _several(option: str, values: Sequence[str | int]) -> list[str]:
    words = [str(value) for value in values]
    for word in words:
        if not word or word.startswith("-"):
            raise ModelstrataError(f"{word!r} cannot stand for {option}: names begin otherwise.")
    return [option, *words] if words else []
