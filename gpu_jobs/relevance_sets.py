"""The items that one command line of the relevance job asks for."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from gpu_jobs import items, models, texts
from gpu_jobs.errors import TaskError
from gpu_jobs.items import ItemSet
from gpu_jobs.protocols import benchmarks_of
from gpu_jobs.tasks import Task, load_tasks
from modelstrata.settings import Settings


class Sets:
    """Calibration and test items of the tasks and text sets that options name."""

    def __init__(
        self, args: argparse.Namespace, model: Any, config: Any, say: Callable[[str], None]
    ) -> None:
        """Load the tasks.

        Args:
            args: the program's options.
            model: as lm-eval sees it, which cuts texts into tokens.
            config: the model's configuration.
            say: takes lines for the user.

        Raises:
            TaskError: a benchmark is unknown, or its data are missing or damaged.
        """
        self.args, self.model, self.config, self.say = args, model, config, say
        self.tasks: list[Task] = []
        if args.tasks or not args.texts:
            benchmarks = benchmarks_of(args.protocol, args.tasks, args.without)
            self.tasks = load_tasks(benchmarks, args.eval_data or Settings().eval_data, None)

    def calibrations(self) -> list[ItemSet]:
        """Return the sets that relevance is measured on: one a task and text set, or a mixture.

        Tasks that have no such split, or no choices, are left out and named.

        Raises:
            TaskError: none is left.
        """
        found: list[ItemSet] = []
        for task in self.tasks:
            try:
                found.append(self._of(task, self.args.split, self.args.limit))
            except TaskError as error:
                self.say(f"left out: {error}")
        found += list(self._texts())
        if not found:
            raise TaskError("No task or text set is left to calibrate on: name others.")
        if self.args.mixture:
            return [items.mixture(found, self.args.mixture, self.args.seed)]
        return found

    def tests(self) -> Iterator[ItemSet]:
        """Yield lm-eval's evaluation split of each task that has choices."""
        for task in self.tasks:
            if all(s.OUTPUT_TYPE == "multiple_choice" for s in task.subjects.values()):
                yield self._of(task, "test", self.args.test_limit)

    def training(self, name: str, limit: int | None) -> ItemSet:
        """Return the train split of a task, or items drawn from it.

        Raises:
            TaskError: it has none.
        """
        (task,) = (task for task in self.tasks if task.benchmark.name == name)
        return self._of(task, "train", limit)

    def _of(self, task: Task, split: str, limit: int | None) -> ItemSet:
        found = items.of_task(
            task, split, limit, self.args.seed, self.model._encode_pair, self.model.max_length
        )
        return self._told(found, "beginning")

    def _texts(self) -> Iterator[ItemSet]:
        length = models.longest(self.config, self.args.max_length)
        for path in self.args.texts:
            text_set = texts.read_texts(path, self.args.limit)
            encoded, n_cut = texts.encode(text_set, self.model.tokenizer, length)
            if text_set.set_aside:
                self.say(text_set.summary(path))
            yield self._told(items.of_texts(path.stem, text_set, encoded, n_cut), "end")

    def _told(self, found: ItemSet, end: str) -> ItemSet:
        if found.n_cut:
            self.say(
                f"{found.name}: {found.n_cut} sequences are longer than the context; their {end} "
                "was cut off"
            )
        return found
