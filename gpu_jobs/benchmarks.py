"""What the benchmarks' records are, and the prompt and right response of each.

Prompts are those of lm-eval's zero-shot tasks, so that gradients and scores are of the same text;
TruthfulQA's is the question alone, without the six examples that stand before it there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        files: its files below the folder of evaluation data, as a pattern.
        pair: makes prompt and response of a record.
    """

    files: str
    pair: Callable[[Record], tuple[str, str]]


def _question(question: str, answer: str) -> tuple[str, str]:
    return f"Question: {question}\nAnswer:", f" {answer}"


def _arc(record: Record) -> tuple[str, str]:
    right = record["choices"]["label"].index(record["answerKey"])
    return _question(record["question"], record["choices"]["text"][right])


def _openbookqa(record: Record) -> tuple[str, str]:
    right = record["choices"]["label"].index(record["answerKey"].strip())
    return record["question_stem"], f" {record['choices']['text'][right]}"


def _truthfulqa(record: Record) -> tuple[str, str]:
    return f"Q: {record['question']}\nA:", f" {record['best_answer']}"


def _hellaswag(record: Record) -> tuple[str, str]:
    context = f"{record['ctx_a']} {record['ctx_b'].capitalize()}"
    prompt, ending = (
        re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")
        for text in (
            f"{record['activity_label']}: {context}",
            record["endings"][int(record["label"])],
        )
    )
    return prompt, f" {ending}"


def _winogrande(record: Record) -> tuple[str, str]:
    before, after = record["sentence"].split("_", maxsplit=1)
    return before + record[f"option{int(record['answer'])}"], after


def _boolq(record: Record) -> tuple[str, str]:
    answer = " yes" if int(record["label"]) else " no"
    return f"{record['passage']}\nQuestion: {record['question']}?\nAnswer:", answer


def _mmlu(record: Record) -> tuple[str, str]:
    choices = "".join(
        f"\n{letter}. {text}" for letter, text in zip("ABCD", record["choices"], strict=True)
    )
    return f"{record['question'].strip()}{choices}\nAnswer:", f" {'ABCD'[int(record['answer'])]}"


#: Benchmarks by their names in results.
BENCHMARKS = {
    "arc_challenge": Benchmark("allenai/ai2_arc/ARC-Challenge/test.jsonl", _arc),
    "arc_easy": Benchmark("allenai/ai2_arc/ARC-Easy/test.jsonl", _arc),
    "boolq": Benchmark("aps/super_glue/boolq/validation.jsonl", _boolq),
    "gsm8k": Benchmark(
        "openai/gsm8k/main/test.jsonl",
        lambda record: _question(record["question"], record["answer"]),
    ),
    "hellaswag": Benchmark("Rowan/hellaswag/default/validation.jsonl", _hellaswag),
    "mmlu": Benchmark("cais/mmlu/*/test.jsonl", _mmlu),
    "openbookqa": Benchmark("allenai/openbookqa/main/test.jsonl", _openbookqa),
    "piqa": Benchmark(
        "baber/piqa/default/validation.jsonl",
        lambda record: _question(record["goal"], record[f"sol{int(record['label']) + 1}"]),
    ),
    "truthfulqa": Benchmark("truthfulqa/truthful_qa/generation/validation.jsonl", _truthfulqa),
    "winogrande": Benchmark("allenai/winogrande/winogrande_xl/validation.jsonl", _winogrande),
}

#: Styles of writing: the file in the folder's `corpora`, and what in it is no writing, as a
#: pattern that matches it.
STYLES: dict[str, tuple[str, str | None]] = {
    "style_modern_prose": ("wikitext2_test.txt", None),
    "style_archaic": ("kjv.txt", r"^[1-3]?[A-Za-z]+\d+:\d+ "),
    "style_drama": ("shakespeare.txt", None),
    "style_mathematics": ("math_gsm8k_solutions.txt", None),
    "style_code": ("code_python_stdlib.txt", None),
}
