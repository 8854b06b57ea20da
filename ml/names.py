"""Names of what a study is about; importing them loads no library."""

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
