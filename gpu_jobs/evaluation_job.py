"""What jobs that evaluate a model with lm-eval share."""

from functools import cached_property
from importlib.metadata import version
from typing import Any

from gpu_jobs.language_model import LanguageModel
from gpu_jobs.model_job import ModelJob


class EvaluationJob(ModelJob):
    """A job whose numbers lm-eval's prompts and scores decide."""

    table = "pruning_effects"

    @cached_property
    def model(self) -> LanguageModel:
        """The model as lm-eval sees it."""
        return LanguageModel(
            self.loaded,
            self.tokenizer,
            self.args.batch_size,
            self.args.max_length,
            lambda size: self.say(f"out of memory: going on with {size} prompts a forward pass"),
        )

    def made(
        self, table: str, chosen: dict[str, Any], data_sha256: str, modules: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the columns that say how a result is made; lm-eval's version is one."""
        chosen = {**chosen, "lm_eval_version": version("lm_eval")}
        return super().made(table, chosen, data_sha256, modules)
