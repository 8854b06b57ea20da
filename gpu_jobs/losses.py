"""The loss of supervised fine-tuning, on response tokens only."""

import inspect
from typing import Any

import torch

from gpu_jobs.pair_batches import Batch


def response_loss(model: Any, batch: Batch) -> torch.Tensor:
    """Return the sum over samples of the mean next-token cross-entropy of their responses.

    Tokens of the prompt are read and not predicted (Structure paper 2509.18136, section 6.2).
    The unit is nats; the result is a float32 scalar that gradients flow through.
    """
    # A token is predicted by the logits of the one before it.
    weights = batch.weights[:, 1:]
    positions = (weights != 0).any(dim=0).nonzero().flatten()
    options: dict[str, Any] = {}
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        # Logits are the largest tensors of all: those of prompts are left out.
        options["logits_to_keep"] = positions
    logits = model(
        input_ids=batch.ids, attention_mask=batch.mask, use_cache=False, **options
    ).logits
    if logits.shape[1] != len(positions):
        logits = logits[:, positions]
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).to(torch.promote_types(logits.dtype, torch.float32)),
        batch.ids[:, 1:][:, positions].flatten(),
        reduction="none",
    )
    return (losses * weights[:, positions].flatten()).sum()
