"""Text sets: reading JSONL, cutting into tokens, padding into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_jobs.errors import TextError
from gpu_jobs.json_lines import read_records

if TYPE_CHECKING:
    import torch

_NOTES_SHOWN = 5


@dataclass
class TextSet:
    """Texts in the order of their file, and why other records were set aside."""

    texts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)

    def summary(self, path: Path) -> str:
        """Say in one line how many records of `path` were set aside, and why the first ones."""
        count = len(self.set_aside)
        shown = "; ".join(self.set_aside[:_NOTES_SHOWN])
        more = f"; and {count - _NOTES_SHOWN} more" if count > _NOTES_SHOWN else ""
        return f"{path}: {count} record{'s' * (count != 1)} set aside: {shown}{more}"


def read_texts(path: Path, limit: int | None = None) -> TextSet:
    """Read the `text` of each line of a JSONL file, the first `limit` usable ones.

    A line that cannot be used is set aside with its number; a blank line is no record.

    Raises:
        TextError: the file is missing or unreadable, or no usable text is left.
    """
    found = TextSet()
    records = read_records(path, found.set_aside, "name a JSONL file with --texts")
    for number, record in records:
        try:
            found.texts.append(_text_of(record))
            found.lines.append(number)
        except (TypeError, ValueError) as problem:
            found.set_aside.append(f"line {number} {problem}")
        if len(found.texts) == limit:
            break
    require_texts(found, path)
    return found


def require_texts(found: TextSet, path: Path) -> None:
    """Check that a text set has a text left.

    Raises:
        TextError: it has none; the message says why records were set aside.
    """
    if not found.texts:
        why = found.summary(path) if found.set_aside else f"{path} holds no records"
        raise TextError(f'{why}. No text is left: give lines such as {{"text": "Hello."}}.')


def _text_of(record: dict[str, Any]) -> str:
    if "text" not in record:
        raise ValueError('has no "text" key')
    text = record["text"]
    if not isinstance(text, str):
        raise TypeError('has a "text" that is not a string')
    if not text.strip():
        raise ValueError("has an empty text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("has half of a surrogate pair in its text") from None
    return text


def encode(found: TextSet, tokenizer: Any, max_length: int) -> tuple[list[list[int]], int]:
    """Cut texts into token ids, with the special tokens that the tokenizer adds by itself.

    A text without any token moves to `found.set_aside`.

    Returns:
        Token ids of each text, and how many texts were truncated to `max_length` tokens.
    """
    kept: list[list[int]] = []
    texts, lines, truncated = found.texts, found.lines, 0
    found.texts, found.lines = [], []
    for text, line in zip(texts, lines, strict=True):
        ids = tokenizer(text, verbose=False)["input_ids"]
        if not ids:
            found.set_aside.append(f"line {line} has no tokens")
            continue
        if len(ids) > max_length:
            # The tokenizer truncates, so that special tokens at the end stay.
            ids = tokenizer(text, truncation=True, max_length=max_length)["input_ids"]
            truncated += 1
        kept.append(list(ids))
        found.texts.append(text)
        found.lines.append(line)
    return kept, truncated


def make_batches(
    encoded: Sequence[list[int]], size: int, device: "torch.device | str"
) -> Iterator[dict[str, Any]]:
    """Yield right-padded batches of at most `size` texts as arguments of a forward call.

    The longest texts come first: little padding, and memory runs out at once or never.
    `input_ids` and `attention_mask` are int64 tensors of shape (texts, tokens).
    """
    import torch

    ordered = sorted(encoded, key=len, reverse=True)
    for start in range(0, len(ordered), size):
        rows = ordered[start : start + size]
        # Padding is masked and comes after the text, so any id that each model knows will do.
        ids = torch.zeros(len(rows), len(rows[0]), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        yield {"input_ids": ids.to(device), "attention_mask": mask.to(device), "use_cache": False}
