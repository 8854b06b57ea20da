"""What benchmarks, columns and classes are called in the report."""

import duckdb

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


def benchmark(name: str) -> str:
    """Return how a benchmark or a set of texts is written; unknown ones as they are."""
    return _BENCHMARKS.get(name) or name.removeprefix("style_").replace("_", " ")


def listed(names: list[str]) -> str:
    """Join names as a sentence does."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def times(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural but for one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def has_mart(connection: duckdb.DuckDBPyConnection, mart: str) -> bool:
    """Tell whether the warehouse has a mart, with rows or without."""
    found = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'marts' and table_name = ?", [mart]
    ).fetchone()
    return found is not None
