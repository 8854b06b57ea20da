"""Removing attention or MLP of a layer alone: what it adds to the hidden states is left out.

Nothing is known by architecture. The maps that attention and MLP end in are found by experiment
(`matrices`), and silenced, which leaves the rest of the layer as it is: h + attention + MLP becomes
h + MLP or h + attention, whether the MLP reads what attention said or not. A trial on each layer
tells whether that is so.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError, first_line
from gpu_jobs.layers import CosineSums, find_decoder_layers
from gpu_jobs.matrices import find_calls, find_matrices
from gpu_jobs.scoring import tolerance

#: What can be removed of a layer: all of it, or one of its parts.
UNITS = ("block", "attention", "mlp")
#: The matrix that each part ends in.
_LAST = {"attention": "o", "mlp": "down"}


class SubLayers:
    """Attention or MLP of each layer of a model.

    Attributes:
        unit: `attention` or `mlp`.
    """

    def __init__(self, model: Any, unit: str) -> None:
        """Find both in every layer.

        Args:
            model: the whole model, on its device.
            unit: which of the two is removed.

        Raises:
            ModelError: they cannot be told apart, or are not added to what enters a layer.
        """
        self.unit = unit
        self._layers = list(find_decoder_layers(model))
        self._ends: dict[str, list[list[nn.Module]]] = {
            name: [[] for _ in self._layers] for name in _LAST
        }
        try:
            with torch.enable_grad():
                matrices = find_matrices(model)
        except ModelError as error:
            raise ModelError(
                f"Attention and MLP of {type(model).__name__} cannot be told apart "
                f"({first_line(error)}): use --unit block."
            ) from error
        for matrix in matrices:
            for name, kind in _LAST.items():
                if matrix.kind == kind:
                    layer = self._layers[matrix.layer]
                    found = [part.module or _owner(layer, part.weight) for part in matrix.parts]
                    self._ends[name][matrix.layer] += found
        self._calls = find_calls(model, find_decoder_layers(model))
        for number in range(len(self._layers)):
            self._check(number, type(model).__name__)

    @contextmanager
    def without(self, chosen: Sequence[int]) -> Iterator[None]:
        """Leave out what the unit of some layers adds, while the block runs."""
        with ExitStack() as stack:
            for number in chosen:
                stack.enter_context(self.silent(number))
            yield

    @contextmanager
    def silent(self, number: int, times: int = 1, unit: str | None = None) -> Iterator[None]:
        """Silence the unit of a layer in the last of `times` equal parts of its rows."""

        def hook(module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
            if times == 1:
                return torch.zeros_like(output)
            first = len(output) - len(output) // times
            return torch.cat([output[:first], torch.zeros_like(output[first:])])

        with ExitStack() as stack:
            for module in self._ends[unit or self.unit][number]:
                stack.callback(module.register_forward_hook(hook).remove)
            yield

    @contextmanager
    def listening(self, sums: CosineSums) -> Iterator[None]:
        """Report to `sums` the hidden states before and after each unit while the block runs.

        Attention stands between what enters a layer and that with attention added, the MLP between
        the latter and what leaves the layer.
        """
        with ExitStack() as stack:
            for number, layer in enumerate(self._layers):
                own = vars(layer).get("forward")
                stack.callback(_restore, layer, own)
                layer.forward = self._heard(layer.forward, number, sums)
            yield

    def weights(self, number: int) -> list[nn.Parameter]:
        """Return a layer's weights that count for nothing where its unit is silent.

        A norm that both units read belongs to neither.
        """
        weights = list(self._layers[number].parameters())
        args, kwargs = self._calls[number]
        linked = []
        for chosen in ((), (number,)):
            with torch.enable_grad(), self.without(chosen):
                total = _state(self._layers[number](*args, **kwargs)).sum()
                found = torch.autograd.grad(total, weights, allow_unused=True)
            linked.append([one is not None for one in found])
        return [w for w, whole, less in zip(weights, *linked, strict=True) if whole and not less]

    def _heard(self, inner: Any, number: int, sums: CosineSums) -> Any:
        def forward(*args: Any, **kwargs: Any) -> Any:
            entering = (args[0] if args else kwargs["hidden_states"]).clone()
            with self.silent(number, unit="mlp"):
                middle = _state(inner(*args, **kwargs))
            output = inner(*args, **kwargs)
            before, after = (
                (entering, middle) if self.unit == "attention" else (middle, _state(output))
            )
            sums.enter(number, before)
            sums.leave(number, after)
            return output

        return forward

    def _check(self, number: int, name: str) -> None:
        """Try a layer without attention, without MLP and without both."""
        args, kwargs = self._calls[number]
        entering = args[0] if args else kwargs["hidden_states"]
        other = entering.clone()
        other[:, 0] = entering[:, 0].flip(-1)

        def run(state: torch.Tensor, *silent: str) -> torch.Tensor:
            given = {} if args else {"hidden_states": state.clone()}
            with ExitStack() as stack, torch.no_grad():
                for unit in silent:
                    stack.enter_context(self.silent(number, unit=unit))
                made = self._layers[number](
                    *((state.clone(), *args[1:]) if args else ()), **{**kwargs, **given}
                )
            return _state(made).double()

        def same(one: torch.Tensor, two: torch.Tensor) -> bool:
            return bool((one - two).norm() <= tolerance(entering.dtype) * two.norm())

        nothing = run(entering, "attention", "mlp")
        # Without attention no token knows of the first one; without MLP the last one does.
        apart = same(run(entering, "attention")[:, -1], run(other, "attention")[:, -1])
        mixed = not torch.equal(run(entering, "mlp")[:, -1], run(other, "mlp")[:, -1])
        if not (same(nothing, entering.double()) and apart and mixed):
            raise ModelError(
                f"In layer {number} of {name} attention and MLP are not just added to what enters "
                "the layer, so that neither can be removed alone: use --unit block."
            )


def _state(output: Any) -> torch.Tensor:
    state: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return state


def _owner(layer: nn.Module, weight: nn.Parameter) -> nn.Module:
    return next(m for m in layer.modules() if any(p is weight for p in m._parameters.values()))


def _restore(layer: Any, own: Any) -> None:
    del layer.forward
    if own is not None:
        layer.forward = own
