"""The construction of the relevance paper (2605.14075), appendix B, as a model of transformers."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel


class Settings(PreTrainedConfig):
    """Three blocks of width 3, with the theorem's two constants."""

    model_type = "theorem"
    num_hidden_layers: int = 3
    delta: float = 0.1
    big: float = 10.0


class Block(nn.Module):
    """A block whose feed-forward is linear with a bias, and whose attention adds nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.feed = nn.Linear(3, 3)
        # A list as long as the model's, as in a mixture with as many experts as layers.
        self.experts = nn.ModuleList(nn.Linear(9, 9) for _ in range(3))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return hidden_states + self.feed(hidden_states)


class Theorem(PreTrainedModel):
    """Three blocks, the second of which decides everything and changes nearly nothing."""

    config_class = Settings

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.blocks = nn.ModuleList(Block() for _ in range(config.num_hidden_layers))
        self.post_init()

    def forward(self, inputs_embeds: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        state = inputs_embeds
        for block in self.blocks:
            state = block(hidden_states=state)
        return SimpleNamespace(last_hidden_state=state)

    def accuracy(self, batch: dict[str, Any]) -> float:
        """Class 0 if the last token's first coordinate exceeds the second; all labels are 0."""
        last = self(**batch).last_hidden_state[:, -1]
        return float((last[:, 0] > last[:, 1]).double().mean())


def build(delta: float, big: float) -> Theorem:
    """Return the model with the theorem's weights, in float64."""
    model = Theorem(Settings(delta=delta, big=big)).double()
    biases = [[0.0, 0.0, big], [delta, 0.0, 0.0], [0.0, 0.0, -big]]
    for block, bias in zip(model.blocks, biases, strict=True):
        nn.init.zeros_(block.feed.weight)
        block.feed.bias.data = torch.tensor(bias, dtype=torch.float64)
    model.blocks[2].feed.weight.data[0, 0] = big
    return model


def batch(delta: float) -> dict[str, Any]:
    """Return texts whose every token is embedded as (0, delta, 0)."""
    embedded = torch.tensor([0.0, delta, 0.0], dtype=torch.float64).expand(4, 6, 3)
    return {"inputs_embeds": embedded, "attention_mask": torch.ones(4, 6, dtype=torch.long)}
