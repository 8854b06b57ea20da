"""What may go through a model at once, and what it is able to do: trials, each made once."""

import sys
from collections.abc import Callable
from functools import cached_property

from gpu_jobs.items import ItemSet
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.packing import families, pack
from gpu_jobs.prefixes import prefix_bytes
from gpu_jobs.removal_walks import Limits, can_walk
from gpu_jobs.sublayers import SubLayers

#: Tokens that go through a layer at once. On a CPU more of them leave its caches: at 16,384
#: SmolLM2-135M took a third longer.
_TOKENS = {"cpu": 4096}
_TOKENS_ELSEWHERE = 16384


class Engine:
    """Gives the limits within which a model and its removals walk over items."""

    def __init__(
        self,
        reader: LanguageModel,
        n_layers: int,
        *,
        tokens: int | None = None,
        memory: int = 2**31,
        unit: str = "block",
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Take a model.

        Args:
            reader: the whole model, as lm-eval sees it.
            n_layers: its layers.
            tokens: over all removals, that go through a layer at once; None is what the kind of
                device is quick with.
            memory: bytes for what is kept between passes.
            unit: what is removed of a layer: `block`, `attention` or `mlp`.
            say: takes lines for the user.
        """
        self.reader, self.n_layers, self.unit, self.say = reader, n_layers, unit, say
        self.model = reader.model
        self.tokens = tokens or _TOKENS.get(reader.device.type, _TOKENS_ELSEWHERE)
        self.memory = memory
        # By item set.
        self._limits: dict[str, Limits] = {}
        self._told = False

    def limits(self, items: ItemSet) -> Limits:
        """Return what goes through the model at once, for these items."""
        if items.sha256 not in self._limits:
            self._limits[items.sha256] = self._tried(items)
        return self._limits[items.sha256]

    def _tried(self, items: ItemSet) -> Limits:
        shares = self.reader.shares(pack(items.requests))
        least = self.tokens // (1 + self.n_layers)
        found = families(items.requests, least, sys.maxsize, shares)
        deepest = max(found, key=lambda family: len(family.prefix))
        return Limits(
            self.tokens,
            self.memory,
            prefix_bytes(self.model, deepest) if deepest.prefix else 0,
            shared_layers=self._can_walk,
            shared_tokens=shares,
            sublayers=self.sublayers,
            short_of_memory=self._short_of_memory,
        )

    @cached_property
    def sublayers(self) -> SubLayers | None:
        """The parts of layers that are removed, where it is not whole ones."""
        return None if self.unit == "block" else SubLayers(self.model, self.unit)

    @cached_property
    def _can_walk(self) -> bool:
        right = can_walk(self.model, self.sublayers)
        if not right:
            self.say("the model's layers cannot be walked together: each removal is run by itself")
        return right

    def _short_of_memory(self, needed: int) -> None:
        """Say, once, that hidden states are not kept."""
        if not self._told:
            self._told = True
            self.say(
                f"what enters the layers would take {needed:,} bytes, more than --memory leaves: "
                "it is computed again for each party of removals"
            )
