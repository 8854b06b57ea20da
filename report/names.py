"""What benchmarks, columns and classes are called in the report."""

SIX = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")

_BENCHMARKS = {
    "arc_challenge": "ARC-Challenge",
    "arc_easy": "ARC-Easy",
    "hellaswag": "HellaSwag",
    "mmlu": "MMLU",
    "truthfulqa": "TruthfulQA",
    "winogrande": "WinoGrande",
    "gsm8k": "GSM8K",
    "ifeval": "IFEval",
    "bbh": "BBH",
    "math_lvl_5": "MATH level 5",
    "gpqa": "GPQA",
    "musr": "MuSR",
    "mmlu_pro": "MMLU-Pro",
    "bigcodebench_complete": "BigCodeBench complete",
    "bigcodebench_instruct": "BigCodeBench instruct",
    "bigcodebench_hard_complete": "BigCodeBench hard complete",
    "bigcodebench_hard_instruct": "BigCodeBench hard instruct",
    "boolq": "BoolQ",
    "openbookqa": "OpenBookQA",
    "piqa": "PIQA",
    "math_instruct": "MathInstruct",
    "code_alpaca": "CodeAlpaca",
}

#: Criteria by which layers are removed, in the order shown.
CRITERIA = {
    "accuracy": "accuracy",
    "perplexity": "perplexity",
    "output_cosine": "output cosine",
    "output_norm": "output norm",
    "output_divergence": "output divergence",
    "taylor": "Taylor",
    "cosine": "cosine",
    "random": "random",
}


def benchmark(name: str) -> str:
    """Return how a benchmark or a set of texts is written; unknown ones as they are.

    Of a mixture it is how many benchmarks are in it, for their names would fill a figure.
    """
    if name.startswith("mixture of "):
        return f"a mix of {len(name.split()) - 2} tasks"
    return _BENCHMARKS.get(name) or name.removeprefix("style_").replace("_", " ")


def chosen_by(criterion: str, path: str, method: str) -> str:
    """Return how removed layers were chosen; an approximate `method` of measuring is named."""
    name, kind = CRITERIA[criterion], path.replace("_", " ")
    parts = [name, *([kind] if kind != name else []), *([method] if method != "exact" else [])]
    return ", ".join(parts)


def listed(names: list[str]) -> str:
    """Join names as a sentence does."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def billions(size: float | None) -> str:
    """Return a size in billions of parameters as it is written."""
    if size is None:
        return "size unknown"
    return f"{size:,.0f} B" if size >= 100 else f"{size:.3g} B"


def between(numbers: list[int]) -> str:
    """Return the range of numbers, or the one that all are."""
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
