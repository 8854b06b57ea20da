"""A model in memory as lm-eval sees it: batches that shrink when memory runs out, and counts."""

from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.models.huggingface import HFLM

from gpu_jobs.devices import out_of_memory
from gpu_jobs.errors import DeviceError, ModelError, TaskError, first_line
from gpu_jobs.tasks import quiet


class LanguageModel(HFLM):
    """lm-eval's model over one that is loaded already, and that may be changed between calls.

    Prompts go through in lm-eval's own order and batches, so that scores are its own; only that
    each batch is a call, so that a batch too large for the memory is tried again in halves.

    Attributes:
        advance: called after each batch with the number of answers scored.
        n_cut: prompts since it was last set to 0 that did not fit the context; their beginning
            was cut off.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        batch_size: int,
        max_length: int | None = None,
        on_halving: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Wrap a model.

        Args:
            model: a causal language model, on its device.
            tokenizer: its tokenizer.
            batch_size: prompts a forward pass.
            max_length: tokens of context; None is the model's own.
            on_halving: called with the new batch size when memory ran out.
        """
        with quiet():
            super().__init__(
                pretrained=model, tokenizer=tokenizer, batch_size=batch_size, max_length=max_length
            )
        self.on_halving = on_halving
        self.advance: Callable[[int], None] = lambda count: None
        self.n_cut = 0

    def _loglikelihood_tokens(
        self, requests: list[Any], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        """Return log-likelihood and greediness of each (strings, context, continuation)."""
        room = self.max_length
        longest = max((len(answer) for _, _, answer in requests), default=0)
        if longest > room:
            raise TaskError(
                f"An answer of {longest} tokens is longer than the context of {room} tokens: "
                "raise --max-length, or choose a model with a longer context."
            )
        self.n_cut += sum(len(prompt) + len(answer) > room + 1 for _, prompt, answer in requests)
        # As lm-eval does: answers that differ in the last token only share one forward pass.
        groups: dict[tuple[int, ...], list[int]] = {}
        for number, (_, prompt, answer) in enumerate(requests):
            groups.setdefault((*prompt, *answer[:-1]), []).append(number)

        def place(group: list[int]) -> tuple[int, tuple[int, ...]]:
            _, prompt, answer = requests[max(group, key=lambda n: len(requests[n][2]))]
            return -len(prompt) - len(answer), (*prompt, *answer)

        scored = super()._loglikelihood_tokens
        found = self._in_batches(
            sorted(groups.values(), key=place),
            lambda numbers: scored([requests[n] for n in numbers], disable_tqdm=True),
        )
        if any(value != value for value, _ in found):
            raise ModelError(
                "A log-likelihood is no number: the number type is too narrow or the weights are "
                "damaged, so try --dtype float32."
            )
        return found

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Return the text that follows each prompt, up to its stop sequences."""
        lengths = [len(self.tok_encode(request.args[0])) for request in requests]
        written = max(r.args[1].get("max_gen_toks", self.max_gen_toks) for r in requests)
        room = self.max_length - written
        if room < 1:
            raise TaskError(
                f"Answers of up to {written} tokens are written, which leaves no room for the "
                f"prompt in a context of {self.max_length} tokens: raise --max-length, or leave "
                "the benchmark out with --without."
            )
        self.n_cut += sum(length > room for length in lengths)
        order = sorted(range(len(requests)), key=lambda n: (-lengths[n], requests[n].args[0]))
        generate = super().generate_until
        return self._in_batches(
            [[number] for number in order],
            lambda numbers: generate([requests[n] for n in numbers], disable_tqdm=True),
        )

    def _in_batches(
        self, groups: Sequence[list[int]], call: Callable[[list[int]], list[Any]]
    ) -> list[Any]:
        """Return what `call` gives for each request number, the groups taken a batch at a time."""
        found: dict[int, Any] = {}
        start = 0
        while start < len(groups):
            size = int(self.batch_size)
            numbers = [number for group in groups[start : start + size] for number in group]
            try:
                answers = call(numbers)
            except Exception as error:  # an unusual model can fail in any way
                if not out_of_memory(error):
                    raise ModelError(
                        f"The forward pass of {type(self.model).__name__} failed "
                        f"({first_line(error)}): choose another decoder-only model, or another "
                        "--device."
                    ) from error
                if size == 1:
                    raise DeviceError(
                        "One prompt does not fit into the device's memory: lower --max-length, or "
                        "choose a smaller --dtype or a larger device."
                    ) from error
                size = size // 2
            else:
                found.update(zip(numbers, answers, strict=True))
                start += size
                self.advance(len(numbers))
                continue
            # Outside the handler, whose traceback holds on to the tensors of the failed batch.
            self._shrink(size)
        return [found[number] for number in range(len(found))]

    def _shrink(self, size: int) -> None:
        import torch

        self.batch_size_per_gpu = size
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.on_halving(size)
