"""Tiny evaluation data in the Hub's layout, in the schema that lm-eval's stock tasks expect."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from lm_eval import tasks

WORDS = ("sun", "moon", "tree", "lake", "bird", "stone", "river", "cloud", "grass", "wind")


def _arc(draw: random.Random, number: int) -> dict[str, Any]:
    texts = draw.sample(WORDS, 4 + (number % 3 == 0) - (number % 5 == 0))
    labels = list("ABCDE"[: len(texts)])
    return {
        "id": str(number),
        "question": f"What is {draw.choice(WORDS)}?",
        "choices": {"text": texts, "label": labels},
        "answerKey": draw.choice(labels),
    }


def _winogrande(draw: random.Random, number: int) -> dict[str, Any]:
    first, second = draw.sample(WORDS, 2)
    sentence = f"The {first} met the {second} and _ was {draw.choice(WORDS)} {number}."
    answer = draw.choice("12")
    return {"sentence": sentence, "option1": first, "option2": second, "answer": answer}


def _truthfulqa(draw: random.Random, number: int) -> dict[str, Any]:
    choices = draw.sample(WORDS, 3 + number % 4)
    labels = [1] + [draw.choice((0, 1)) for _ in choices[1:]]
    one = {"choices": choices, "labels": [1] + [0] * (len(choices) - 1)}
    question = f"Is it {draw.choice(WORDS)}?"
    return {
        "question": question,
        "mc1_targets": one,
        "mc2_targets": {"choices": choices, "labels": labels},
    }


def _gsm8k(draw: random.Random, number: int) -> dict[str, Any]:
    a, b = draw.randrange(9), draw.randrange(9)
    return {"question": f"{a} and {b}?", "answer": f"It is {a + b}.\n#### {a + b}"}


def _mmlu(draw: random.Random, number: int) -> dict[str, Any]:
    question, answer = f"Which {draw.choice(WORDS)}?", draw.randrange(4)
    return {
        "question": question,
        "subject": "any",
        "choices": draw.sample(WORDS, 4),
        "answer": answer,
    }


_Make = Callable[[random.Random, int], dict[str, Any]]

#: Data set and configuration to its splits, and what makes a document.
_SETS: dict[tuple[str, str], tuple[dict[str, int], _Make]] = {
    ("allenai/ai2_arc", "ARC-Challenge"): ({"train": 30, "validation": 3, "test": 12}, _arc),
    ("allenai/ai2_arc", "ARC-Easy"): ({"train": 30, "validation": 3, "test": 12}, _arc),
    ("allenai/winogrande", "winogrande_xl"): ({"train": 12, "validation": 9}, _winogrande),
    ("truthfulqa/truthful_qa", "multiple_choice"): ({"validation": 8}, _truthfulqa),
    ("openai/gsm8k", "main"): ({"train": 8, "test": 4}, _gsm8k),
}


def _mmlu_subjects() -> list[str]:
    folder = Path(tasks.__file__).parent / "mmlu" / "default"
    index = tasks.TaskManager(include_path=folder, include_defaults=False).task_index
    fields = ("stem", "other", "social_sciences", "humanities")
    return sorted(name for field in fields for name in index[f"mmlu_{field}_tasks"].tags)


def write(folder: Path, *, mmlu: bool = False) -> Path:
    """Write the tiny data sets, with MMLU's 57 subjects if they are asked for."""
    sets = dict(_SETS)
    if mmlu:
        for name in _mmlu_subjects():
            splits = {"dev": 5, "test": 2 + len(name) % 3, "validation": 1}
            sets["cais/mmlu", name.removeprefix("mmlu_")] = (splits, _mmlu)
    draw = random.Random(7)
    cards: dict[str, list[dict[str, Any]]] = {}
    for (dataset, config), (splits, make) in sets.items():
        files = []
        for split, count in splits.items():
            path = folder / dataset / config / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [json.dumps(make(draw, number)) for number in range(count)]
            path.write_text("\n".join(lines) + "\n", "utf-8")
            files.append({"split": split, "path": f"{config}/{split}.jsonl"})
        cards.setdefault(dataset, []).append({"config_name": config, "data_files": files})
    for dataset, configs in cards.items():
        card = yaml.safe_dump({"configs": configs})
        (folder / dataset / "README.md").write_text(f"---\n{card}---\n", "utf-8")
    return folder
