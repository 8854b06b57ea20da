"""Finding a model's decoder layers, and listening to what enters and leaves them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError


def find_decoder_layers(model: nn.Module) -> nn.ModuleList:
    """Return the list of decoder layers, first to last, for any decoder-only model.

    It is the outermost `nn.ModuleList` that has as many entries as the (text) configuration's
    `num_hidden_layers`. If several have, it is the one with the most parameters, as the layers
    hold nearly all of a model's weights. No architecture is known by name.

    Raises:
        ModelError: the model is an encoder-decoder, its configuration states no number of
            layers, or it has no such list.
    """
    config: Any = getattr(model, "config", None)
    name = type(model).__name__
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"{name} is an encoder-decoder model: block influence is measured on decoder-only "
            "models, so choose one of those."
        )
    if hasattr(config, "get_text_config"):
        config = config.get_text_config(decoder=True)
    n_layers = getattr(config, "num_hidden_layers", None)
    if not isinstance(n_layers, int) or n_layers < 1:
        raise ModelError(
            f"The configuration of {name} states no num_hidden_layers: "
            "choose a decoder-only model that does."
        )
    get_decoder: Any = getattr(model, "get_decoder", lambda: model)
    for root in (get_decoder(), model):
        found = _outermost_lists(root, n_layers)
        if found:
            return max(found, key=lambda layers: sum(p.numel() for p in layers.parameters()))
    raise ModelError(
        f"{name} keeps its {n_layers} layers in no list of that length, so they cannot be told "
        "apart: choose another decoder-only model."
    )


def _outermost_lists(root: nn.Module, length: int) -> list[nn.ModuleList]:
    lists = {
        name: module
        for name, module in root.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == length
    }
    # A list inside another one belongs to a layer: the experts of a mixture, for example.
    return [
        module
        for name, module in lists.items()
        if not any(name.startswith(f"{other}.") for other in lists if other != name)
    ]


class CosineSums:
    """Sums of cos(X_i, X_{i+1}) over the real tokens of one forward pass.

    Attributes:
        sums: layer number to the sum over tokens, a scalar tensor on the model's device.
    """

    def __init__(self, mask: torch.Tensor) -> None:
        """Prepare for a batch whose `mask`, shape (texts, tokens), is true at real tokens."""
        self.mask = mask
        self.sums: dict[int, torch.Tensor] = {}
        self._entering: dict[int, torch.Tensor] = {}
        # Apple's GPUs know no float64.
        self._precision = torch.float32 if mask.device.type == "mps" else torch.float64

    def enter(self, layer: int, state: object) -> None:
        """Keep the hidden state that enters a layer."""
        # Selecting copies, so that a layer working in place cannot change what was kept.
        self._entering[layer] = self._real_tokens(layer, state)

    def leave(self, layer: int, state: object) -> None:
        """Compare the hidden state that leaves a layer with the one that entered."""
        if layer in self.sums or layer not in self._entering:
            raise ModelError(
                f"Layer {layer} runs more than once in a forward pass, so that it has no single "
                "block influence: choose a model that does not share its layers."
            )
        before = _unit_rows(self._entering.pop(layer).to(self._precision))
        after = _unit_rows(self._real_tokens(layer, state).to(self._precision))
        # Rounding can put the cosine of two equal rows a hair above 1.
        self.sums[layer] = (before * after).sum(dim=-1).clamp(-1.0, 1.0).sum()

    def _real_tokens(self, layer: int, state: object) -> torch.Tensor:
        if not isinstance(state, torch.Tensor):
            state = state[0] if isinstance(state, tuple | list) and state else None
        if not isinstance(state, torch.Tensor) or (
            state.dim() != 3 or state.shape[:2] != self.mask.shape
        ):
            raise ModelError(
                f"Layer {layer} does not take and return hidden states of shape "
                "(texts, tokens, width): choose another decoder-only model."
            )
        return state[self.mask]


def _unit_rows(rows: torch.Tensor) -> torch.Tensor:
    # A zero row has no direction; it stays zero, and its cosine with anything counts as 0.
    return nn.functional.normalize(rows, dim=-1, eps=torch.finfo(rows.dtype).tiny)


@contextmanager
def listening(layers: nn.ModuleList, sums: CosineSums) -> Iterator[None]:
    """Report to `sums` what enters and leaves each layer while the block runs."""

    def before(layer: int) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            sums.enter(layer, args[0] if args else kwargs.get("hidden_states"))

        return hook

    def after(layer: int) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], output: object) -> None:
            sums.leave(layer, output)

        return hook

    handles = []
    try:
        for number, module in enumerate(layers):
            handles.append(module.register_forward_pre_hook(before(number), with_kwargs=True))
            handles.append(module.register_forward_hook(after(number)))
        yield
    finally:
        for handle in handles:
            handle.remove()
