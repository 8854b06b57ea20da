"""Names of what a study is about; importing them loads no library."""

from modelstrata.errors import NotEnoughData

OPEN_LLM_V1 = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")
OPEN_LLM_V2 = ("ifeval", "bbh", "math_lvl_5", "gpqa", "musr", "mmlu_pro")
BIGCODEBENCH = ("bigcodebench_complete", "bigcodebench_instruct")
BENCHMARKS = (*OPEN_LLM_V1, *OPEN_LLM_V2, *BIGCODEBENCH)
#: What the way back predicts from the six scores of the first leaderboard.
TARGETS = ("size", "date", "layers", "d_model", "d_ffn", "heads")
#: Name of the first leaderboard, whose scores the way back reads together.
FIRST_LEADERBOARD = "open_llm_v1"
#: Parts of the study about a benchmark each; the way back, `INVERSE`, is about a target each.
FORWARD = ("importances", "regressors", "feature_sets", "subsets", "coverage")
INVERSE = "inverse"


def chosen_benchmarks(setting: str) -> list[str]:
    """Return the benchmarks that MODELSTRATA_STUDY_BENCHMARKS names, all if it names none.

    Raises:
        NotEnoughData: it names a benchmark that is none of the study's.
    """
    wanted = [name.strip() for name in setting.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        raise NotEnoughData(
            f"MODELSTRATA_STUDY_BENCHMARKS names {', '.join(unknown)}, which the study does not "
            f"know: choose among {', '.join(BENCHMARKS)}."
        )
    return [name for name in BENCHMARKS if not wanted or name in wanted]
