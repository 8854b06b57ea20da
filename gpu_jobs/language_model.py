"""A model in memory as lm-eval sees it: batches that shrink when memory runs out, and counts."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from gpu_jobs import scoring
from gpu_jobs.devices import out_of_memory
from gpu_jobs.errors import DeviceError, ModelError, TaskError, first_line
from gpu_jobs.packing import Request, Row, pack
from gpu_jobs.tasks import quiet


class LanguageModel(HFLM):
    """lm-eval's model over one that is loaded already, and that may be changed between calls.

    Prompts and answers are lm-eval's own, and so are scores up to rounding. What several of them
    begin with is read once where the model allows it, and logits are made only where an answer is
    scored. A batch too large for the memory is tried again in halves.

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
            batch_size: answers scored, or prompts continued, in a forward pass.
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
        # Packed rows up to this depth were found right, from that one on wrong.
        self._right_to, self._wrong_from = 0, sys.maxsize

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
        # As lm-eval does: what does not fit the context is cut off at the beginning.
        wanted = [
            Request(number, tuple(prompt[-(room + 1 - len(answer)) :]), tuple(answer))
            for number, (_, prompt, answer) in enumerate(requests)
        ]
        rows = pack(wanted)
        if not self.shares(rows):
            rows = pack(wanted, share=False)
        found = self._in_batches(
            rows,
            lambda row: len(row.requests),
            lambda batch: scoring.log_likelihoods(self.model, self._batch_of(batch)),
        )
        if any(value != value for value, _ in found):
            raise ModelError(
                "A log-likelihood is no number: the number type is too narrow or the weights are "
                "damaged, so try --dtype float32."
            )
        return found

    def _batch_of(self, rows: Sequence[Row]) -> scoring.Batch:
        return scoring.batch_of(rows, self.device, next(self.model.parameters()).dtype)

    def shares(self, rows: Sequence[Row]) -> bool:
        """Tell whether the model reads packed rows rightly, by trial on the deepest one."""
        branched = [row for row in rows if not row.is_plain]
        if not branched:
            return True
        deepest = max(branched, key=lambda row: int(row.depths.max()))
        depth = int(deepest.depths.max())
        if self._right_to < depth < self._wrong_from:
            with torch.inference_mode():
                right = scoring.can_share(self.model, deepest, self._batch_of)
            if right:
                self._right_to = depth
            else:
                self._wrong_from = depth
        return depth <= self._right_to

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
            order,
            lambda number: 1,
            lambda numbers: dict(
                zip(
                    numbers,
                    generate([requests[n] for n in numbers], disable_tqdm=True),
                    strict=True,
                )
            ),
        )

    def _in_batches(
        self,
        units: Sequence[Any],
        weight: Callable[[Any], int],
        call: Callable[[Any], dict[int, Any]],
    ) -> list[Any]:
        """Return what `call` gives for each request number.

        Args:
            units: what goes through the model as one: a row, or a prompt to be continued.
            weight: how many answers are in one.
            call: takes units up to the batch size in answers, or a single one.
        """
        found: dict[int, Any] = {}
        start = 0
        while start < len(units):
            size, stop, answers = int(self.batch_size), start, 0
            while stop < len(units) and (stop == start or answers + weight(units[stop]) <= size):
                answers += weight(units[stop])
                stop += 1
            try:
                made = call(units[start:stop])
            except Exception as error:  # an unusual model can fail in any way
                if not out_of_memory(error):
                    raise ModelError(
                        f"The forward pass of {type(self.model).__name__} failed "
                        f"({first_line(error)}): choose another decoder-only model, or another "
                        "--device."
                    ) from error
                if stop == start + 1:
                    raise DeviceError(
                        "One prompt does not fit into the device's memory: lower --max-length, or "
                        "choose a smaller --dtype or a larger device."
                    ) from error
                size = answers // 2
            else:
                found.update(made)
                start = stop
                self.advance(len(made))
                continue
            # Outside the handler, whose traceback holds on to the tensors of the failed batch.
            self._shrink(size)
        return [found[number] for number in range(len(found))]

    def _shrink(self, size: int) -> None:
        self.batch_size_per_gpu = size
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.on_halving(size)
