"""Prompts with responses: cutting into tokens, and matching the lengths of responses."""

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpu_jobs.errors import TextError

_NOTES_SHOWN = 5


@dataclass(frozen=True)
class Pair:
    """A prompt and the response to it; a plain text is a response to an empty prompt."""

    prompt: str
    response: str


@dataclass
class PairSet:
    """Pairs of a data set in its order, and why other records were set aside."""

    name: str
    pairs: list[Pair] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)

    def add(self, place: str, prompt: str, response: str) -> None:
        """Add a pair, or set it aside if its response is empty or it is no proper text."""
        try:
            (prompt + response).encode("utf-8")
        except UnicodeEncodeError:
            self.set_aside.append(f"{place} has half of a surrogate pair in its text")
            return
        if response.strip():
            self.pairs.append(Pair(prompt, response))
            self.places.append(place)
        else:
            self.set_aside.append(f"{place} has an empty response")

    def summary(self) -> str:
        """Say in one line how many records were set aside, and why the first ones."""
        count = len(self.set_aside)
        shown = "; ".join(self.set_aside[:_NOTES_SHOWN])
        more = f"; and {count - _NOTES_SHOWN} more" if count > _NOTES_SHOWN else ""
        return f"{self.name}: {count} record{'s' * (count != 1)} set aside: {shown}{more}"


@dataclass(frozen=True)
class Sample:
    """Token ids of a pair.

    Attributes:
        ids: tokens of the prompt and the response.
        n_response: how many of the last ones are predicted, at least 1.
    """

    ids: tuple[int, ...]
    n_response: int


def encode_pairs(
    found: PairSet, tokenizer: Any, max_length: int, limit: int | None = None
) -> tuple[list[Sample], int]:
    """Cut pairs into tokens, the first `limit` usable ones.

    Prompt and response are cut together, so that the border between them falls where it does in
    running text; spaces at the end of the prompt count as the response's. A prompt that makes the
    whole longer than `max_length` tokens loses its beginning, and a plain text its end. A response
    of `max_length` tokens or more is set aside, and so is one without a token to predict.

    Returns:
        The samples, and how many were shortened.

    Raises:
        TextError: no sample is left.
    """
    samples: list[Sample] = []
    shortened = 0
    for pair, place in zip(found.pairs, found.places, strict=True):
        if len(samples) == limit:
            break
        prompt = pair.prompt.rstrip()
        whole = tokenizer(pair.prompt + pair.response, verbose=False)["input_ids"]
        n_prompt = len(tokenizer(prompt, verbose=False)["input_ids"]) if prompt else 0
        n_response = len(whole) - n_prompt
        if not prompt:
            shortened += len(whole) > max_length
            whole = whole[:max_length]
            # Nothing comes before the first token, so that it is not predicted.
            n_response = len(whole) - 1
        elif n_response >= max_length:
            found.set_aside.append(
                f"{place} has a response of {n_response} tokens, which leaves no room for the "
                f"prompt in {max_length}"
            )
            continue
        else:
            shortened += len(whole) > max_length
            whole = whole[-max_length:]
        if n_response < 1:
            found.set_aside.append(f"{place} has no token to predict")
            continue
        samples.append(Sample(tuple(whole), n_response))
    if not samples:
        why = found.summary() if found.set_aside else f"{found.name} holds no records"
        raise TextError(
            f"{why}. No response is left: give pairs with a response, or raise --max-length."
        )
    return samples, shortened


def length_matched(datasets: Mapping[str, Sequence[Sample]], seed: int) -> dict[str, list[Sample]]:
    """Draw samples from each data set so that all have responses of the same lengths.

    For each number of response tokens every data set gives as many samples as the one that has the
    fewest of them, drawn with `seed` and in their old order. So the data sets differ in what the
    responses say, and not in how long they are.
    """
    by_length: dict[str, dict[int, list[int]]] = {}
    for name, samples in datasets.items():
        numbers = by_length[name] = defaultdict(list)
        for number, sample in enumerate(samples):
            numbers[sample.n_response].append(number)
    counts = [Counter({n: len(found) for n, found in one.items()}) for one in by_length.values()]
    common = counts[0].copy()
    for other in counts[1:]:
        common &= other
    matched = {}
    for name, samples in datasets.items():
        draw = random.Random(f"{seed} {name}")
        chosen = [
            number
            for length, count in sorted(common.items())
            for number in draw.sample(by_length[name][length], count)
        ]
        matched[name] = [samples[number] for number in sorted(chosen)]
    return matched


def digest(samples: Sequence[Sample]) -> str:
    """Return the SHA-256 of what is measured on: token ids and the lengths of responses."""
    parts = [[sample.n_response, *sample.ids] for sample in samples]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
