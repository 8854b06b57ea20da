"""The two halves of a causal language model: tokens to hidden states, hidden states to logits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


class Head:
    """What a model does behind its last norm: projection to the vocabulary, scaling, capping."""

    def __init__(self, model: Any, output: Any) -> None:
        """Take what the decoder gave for some input; its hidden states are not kept."""
        self.model, self._output = model, output

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the logits, shape (places, vocabulary), of hidden states, (places, width)."""
        decoder = self.model.get_decoder()
        output = _with_hidden(self._output, hidden.unsqueeze(0))
        tokens = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        with _answering(decoder, output):
            logits: torch.Tensor = self.model(input_ids=tokens, use_cache=False).logits
        return logits[0]


def read(model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Head]:
    """Return the hidden states behind the last norm, shape (rows, tokens, width), and the head.

    Args:
        model: a causal language model of transformers.
        inputs: arguments of its forward call.
    """
    output = model.get_decoder()(**inputs, use_cache="past_key_values" in inputs)
    hidden: torch.Tensor = output[0]
    if isinstance(output, dict) and "past_key_values" in output:
        # What was read before is no part of the head, and large.
        output["past_key_values"] = None
    return hidden, Head(model, _with_hidden(output, hidden[:0, :0]))


def _with_hidden(output: Any, hidden: torch.Tensor) -> Any:
    if isinstance(output, tuple):
        return (hidden, *output[1:])
    output[next(iter(output))] = hidden
    return output


@contextmanager
def _answering(module: Any, output: Any) -> Iterator[None]:
    """Let a module give `output`, whatever it is called with, while the block runs."""
    own = vars(module).get("forward")
    module.forward = lambda *args, **kwargs: output
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own
