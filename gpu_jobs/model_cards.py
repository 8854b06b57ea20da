"""Model cards of pruned models, in Markdown with the Hub's header."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from gpu_jobs.licences import licence
from gpu_jobs.sources import Source

if TYPE_CHECKING:
    from gpu_jobs.surgery import Removal

_QUANTISED = re.compile(r"gguf:(IQ|TQ|Q|MXFP)\d")


@dataclass(frozen=True)
class Account:
    """What a card says of the choice of layers.

    Attributes:
        how: how they were chosen, in a phrase.
        facts: more of it, name to text.
        scores: rows of `PRUNING_PATHS` of exactly these layers, one a task.
        training: what was trained afterwards, in a phrase; None if nothing was.
    """

    how: str
    facts: Mapping[str, str] = field(default_factory=dict)
    scores: Sequence[Mapping[str, Any]] = ()
    training: str | None = None


def model_card(removal: "Removal", source: Source, account: Account, dtype: str) -> str:
    """Return the card of a model that lost layers and whose weights are stored as `dtype`."""
    left = removal.n_layers - len(removal.layers)
    n_parameters = removal.n_parameters - removal.n_removed_parameters
    terms = licence(source)
    weights = weights_in_words(source.weights_format)
    header: dict[str, Any] = {
        "library_name": "transformers",
        # The Hub takes its own ids only.
        **({"base_model": source.model_id} if "/" in source.model_id else {}),
        **terms,
        "tags": ["layer-pruning"],
    }
    facts = {
        "model": source.model_id,
        "revision": source.revision or "unknown (local files)",
        "licence": terms.get("license_name") or terms.get("license") or "not stated with the files",
        "weights": f"{weights}, stored here as {dtype}",
        "SHA-256 of the weights": source.weights_sha256(),
        "removed layers, from 0": " ".join(map(str, removal.layers)) or "none",
        "how they were chosen": account.how,
        **account.facts,
    }
    quantised = (
        [
            "",
            f"The weights were read from a quantised file, {weights}: they keep its rounding, and "
            f"storing them as {dtype} does not undo it.",
        ]
        if _QUANTISED.match(source.weights_format)
        else []
    )
    trained = (
        f"Afterwards it was fine-tuned: {account.training}."
        if account.training
        else "Nothing was trained afterwards."
    )
    lines = [
        "---",
        yaml.safe_dump(header, sort_keys=False, indent=2).rstrip(),
        "---",
        "",
        f"# {source.model_id} without {len(removal.layers)} of its {removal.n_layers} layers",
        "",
        f"{left} decoder layers and {n_parameters:,} parameters are left of {removal.n_layers} "
        f"and {removal.n_parameters:,}. {trained}",
        *quantised,
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in facts.items()),
        *_scores(account.scores),
        "",
        "```python",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        'folder = "."  # this folder',
        "model = AutoModelForCausalLM.from_pretrained(folder)",
        "tokenizer = AutoTokenizer.from_pretrained(folder)",
        "```",
        "",
        "The licence and the limits of the original model hold for this one too.",
        "",
    ]
    return "\n".join(lines)


def weights_in_words(weights_format: str) -> str:
    """Return a weights' format such as `gguf:Q4_1` in words: `4-bit GGUF (Q4_1)`."""
    kind, _, quantisation = weights_format.partition(":")
    if kind != "gguf":
        return weights_format
    bits = re.match(r"(?:IQ|TQ|Q|BF|F|MXFP)(\d+)", quantisation)
    return f"{bits[1]}-bit GGUF ({quantisation})" if bits else f"GGUF ({quantisation})"


def _scores(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a table of scores before and after."""
    if not rows:
        return []
    return [
        "",
        "Scores of lm-eval's tasks, 0 to 100, of the whole model and of this one, with the paired "
        "95 % interval of the difference over items:",
        "",
        "| task | split | protocol | items | guessing | whole | this one | difference |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {row['task']} | {row['split']} | {row['protocol']} | {row['n_items']} "
            f"| {row['chance']:.1f} | {row['before']:.1f} | {row['after']:.1f} "
            f"| {row['difference']:+.1f}{_interval(row)} |"
            for row in rows
        ),
    ]


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["difference_low"], row["difference_high"]
    return "" if None in (low, high) else f" [{low:+.1f}, {high:+.1f}]"
