"""Columns and DuckDB types of every landing table: the contract between the rooms."""

import re

#: Columns that a batch of a raw table may carry.
OPTIONAL_COLUMNS = {
    "sha": "VARCHAR",
    "status": "VARCHAR",
    "http_status": "INTEGER",
    "error_code": "VARCHAR",
    "etag": "VARCHAR",
    "bytes": "BIGINT",
    "raw": "BLOB",
    "source": "VARCHAR",
    "fetched_at": "TIMESTAMP WITH TIME ZONE",
    "batch": "VARCHAR",
    "record_id": "VARCHAR",
}

_V2_SCORES = ("IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO")

#: How a result was made, in every table of results; see `docs/results.md`.
RESULT_KEY_COLUMNS = {
    "result_key": "VARCHAR",
    "input_hash": "VARCHAR",
    "code_version": "VARCHAR",
    "computed_at": "TIMESTAMP WITH TIME ZONE",
}

#: Of which weights a result of a layer job is; the same names in each of their tables.
_MODEL = {
    "model_id": "VARCHAR",
    "revision": "VARCHAR",
    "weights_format": "VARCHAR",
    "weights_sha256": "VARCHAR",
}
#: What an lm-eval measurement is made of and with.
MEASURED_COLUMNS = {
    **_MODEL,
    "data_sha256": "VARCHAR",
    "dtype": "VARCHAR",
    "device": "VARCHAR",
    "torch_version": "VARCHAR",
    "transformers_version": "VARCHAR",
    "lm_eval_version": "VARCHAR",
}
#: What an evaluation of a model with or without some layers is of, and what it took.
EVALUATION_COLUMNS = {
    **MEASURED_COLUMNS,
    "benchmark": "VARCHAR",
    "metric": "VARCHAR",
    "protocol": "VARCHAR",
    "num_fewshot": "INTEGER",
    "seed": "BIGINT",
    "limit": "INTEGER",
    "max_length": "INTEGER",
    "removed_layers": "VARCHAR",
    "n_layers": "INTEGER",
    "n_truncated": "INTEGER",
    "seconds": "DOUBLE",
    "peak_memory_bytes": "BIGINT",
}

_CELL = {
    "regressor": "VARCHAR",
    "benchmark": "VARCHAR",
    "feature_set": "VARCHAR",
    "split": "VARCHAR",
    "tier": "VARCHAR",
    "seed": "INTEGER",
}
_INVERSE_CELL = {"target": "VARCHAR", **{n: k for n, k in _CELL.items() if n != "benchmark"}}
#: Of each measure its 95 % interval, and its standard deviation over the repeats of a split.
_MEASURES = {
    **{
        f"{measure}{end}": "DOUBLE"
        for measure in ("r2", "mae", "spearman", "gain")
        for end in ("", "_low", "_high", "_repeat_sd")
    },
    "r2_fold_mean": "DOUBLE",
    "r2_fold_sd": "DOUBLE",
    "n": "INTEGER",
    "n_groups": "INTEGER",
    "n_folds": "INTEGER",
    "n_repeats": "INTEGER",
}
_IMPORTANCES = {
    "feature": "VARCHAR",
    "kind": "VARCHAR",
    "importance": "DOUBLE",
    "importance_low": "DOUBLE",
    "importance_high": "DOUBLE",
    "importance_sd": "DOUBLE",
    "rank_agreement": "DOUBLE",
    "n_folds": "INTEGER",
    "n_repeats": "INTEGER",
    "n_draws": "INTEGER",
}

#: Required columns of each table.
LANDING_TABLES: dict[str, dict[str, str]] = {
    "hub_models": {
        "model_id": "VARCHAR",
        "payload": "VARCHAR",
        "source": "VARCHAR",
        "crawled_at": "TIMESTAMP WITH TIME ZONE",
    },
    "hub_configs": {
        "model_id": "VARCHAR",
        "config": "VARCHAR",
        "source": "VARCHAR",
        "fetched_at": "TIMESTAMP WITH TIME ZONE",
        "completeness": "VARCHAR",
    },
    "open_llm_leaderboard_v1": {
        "T": "VARCHAR",
        "Model": "VARCHAR",
        "Average ⬆️": "DOUBLE",
        "ARC": "DOUBLE",
        "HellaSwag": "DOUBLE",
        "MMLU": "DOUBLE",
        "TruthfulQA": "DOUBLE",
        "Winogrande": "DOUBLE",
        "GSM8K": "DOUBLE",
        "Type": "VARCHAR",
        "Architecture": "VARCHAR",
        "Weight type": "VARCHAR",
        "Precision": "VARCHAR",
        "Merged": "BOOLEAN",
        "Hub License": "VARCHAR",
        "#Params (B)": "BIGINT",
        "Hub ❤️": "BIGINT",
        "Available on the hub": "BOOLEAN",
        "Model sha": "VARCHAR",
        "Flagged": "BOOLEAN",
        "MoE": "BOOLEAN",
        "date": "VARCHAR",
    },
    "open_llm_leaderboard_v2": {
        "eval_name": "VARCHAR",
        "Precision": "VARCHAR",
        "Type": "VARCHAR",
        "T": "VARCHAR",
        "Weight type": "VARCHAR",
        "Architecture": "VARCHAR",
        "Model": "VARCHAR",
        "fullname": "VARCHAR",
        "Model sha": "VARCHAR",
        "Average ⬆️": "DOUBLE",
        "Hub License": "VARCHAR",
        "Hub ❤️": "DOUBLE",
        "#Params (B)": "DOUBLE",
        "Available on the hub": "BOOLEAN",
        "MoE": "BOOLEAN",
        "Flagged": "BOOLEAN",
        "Chat Template": "BOOLEAN",
        "CO₂ cost (kg)": "DOUBLE",
        **{f"{name}{raw}": "DOUBLE" for name in _V2_SCORES for raw in (" Raw", "")},
        "Merged": "BOOLEAN",
        "Official Providers": "BOOLEAN",
        "Upload To Hub Date": "VARCHAR",
        "Submission Date": "VARCHAR",
        "Generation": "DOUBLE",
        "Base Model": "VARCHAR",
    },
    "bigcodebench": {
        "split": "VARCHAR",
        "name": "VARCHAR",
        "link": "VARCHAR",
        "complete": "DOUBLE",
        "instruct": "DOUBLE",
        "moe": "BOOLEAN",
        "size": "DOUBLE",
        "act_param": "DOUBLE",
        "date": "VARCHAR",
        "open_data": "VARCHAR",
        "prefill": "BOOLEAN",
        "prompted": "BOOLEAN",
    },
    "pretraining_compute": {
        "model_id": "VARCHAR",
        "family": "VARCHAR",
        "params_b": "DOUBLE",
        "tokens_t": "DOUBLE",
        "flops_1e21": "DOUBLE",
        "source": "VARCHAR",
    },
    "config_schema": {
        "model_type": "VARCHAR",
        "config_class": "VARCHAR",
        "field": "VARCHAR",
        "json_path": "VARCHAR",
        "preference": "INTEGER",
        "default_value": "DOUBLE",
        "default_text": "VARCHAR",
        "derived_from": "VARCHAR",
        "is_invariant": "BOOLEAN",
        "transformers_version": "VARCHAR",
    },
    "parameter_terms": {
        "model_type": "VARCHAR",
        "component": "VARCHAR",
        "term": "VARCHAR",
        "coefficient": "DOUBLE",
        "n_probes": "INTEGER",
        "max_relative_error": "DOUBLE",
        "failure": "VARCHAR",
        "transformers_version": "VARCHAR",
    },
    "hub_removals": {
        "model_id": "VARCHAR",
        "status": "VARCHAR",
        "renamed_to": "VARCHAR",
        "sha": "VARCHAR",
        "http_status": "INTEGER",
        "error_code": "VARCHAR",
        "source": "VARCHAR",
        "fetched_at": "TIMESTAMP WITH TIME ZONE",
    },
    "hub_model_history": {
        "model_id": "VARCHAR",
        "record_id": "VARCHAR",
        "crawled_at": "TIMESTAMP WITH TIME ZONE",
        "source": "VARCHAR",
        "sha": "VARCHAR",
        "downloads": "BIGINT",
        "downloads_all_time": "BIGINT",
        "likes": "BIGINT",
        "gated": "VARCHAR",
        "last_modified": "VARCHAR",
    },
    "hub_crawls": {
        "crawl": "INTEGER",
        "state": "VARCHAR",
        "author": "VARCHAR",
        "pipeline_tag": "VARCHAR",
        "is_whole": "BOOLEAN",
        "models": "BIGINT",
        "source": "VARCHAR",
        "started_at": "TIMESTAMP WITH TIME ZONE",
        "finished_at": "TIMESTAMP WITH TIME ZONE",
    },
    "open_llm_v1_results": {
        "path": "VARCHAR",
        "model_id": "VARCHAR",
        "precision": "VARCHAR",
        "revision": "VARCHAR",
        "evaluated_at": "VARCHAR",
        "payload": "VARCHAR",
        "source": "VARCHAR",
        "fetched_at": "TIMESTAMP WITH TIME ZONE",
    },
    "hub_benchmarks": {
        "dataset_id": "VARCHAR",
        "payload": "VARCHAR",
        "source": "VARCHAR",
        "fetched_at": "TIMESTAMP WITH TIME ZONE",
    },
    "hub_leaderboards": {
        "dataset_id": "VARCHAR",
        "task_id": "VARCHAR",
        "model_id": "VARCHAR",
        "payload": "VARCHAR",
        "source": "VARCHAR",
        "fetched_at": "TIMESTAMP WITH TIME ZONE",
    },
    "regression_scores": {**RESULT_KEY_COLUMNS, **_CELL, **_MEASURES},
    "feature_importances": {**RESULT_KEY_COLUMNS, **_CELL, **_IMPORTANCES},
    "score_predictions": {
        **RESULT_KEY_COLUMNS,
        **_CELL,
        "model_id": "VARCHAR",
        "structure_group": "VARCHAR",
        "bootstrap_group": "VARCHAR",
        "repeat": "INTEGER",
        "repeat_seed": "INTEGER",
        "fold": "INTEGER",
        "score": "DOUBLE",
        "predicted_score": "DOUBLE",
        "baseline_score": "DOUBLE",
    },
    "feature_effects": {
        **RESULT_KEY_COLUMNS,
        **_CELL,
        "feature": "VARCHAR",
        "kind": "VARCHAR",
        "value": "DOUBLE",
        "effect": "DOUBLE",
        "effect_low": "DOUBLE",
        "effect_high": "DOUBLE",
        "n_rows": "INTEGER",
    },
    "interval_coverage": {
        **RESULT_KEY_COLUMNS,
        **_CELL,
        "level": "DOUBLE",
        "coverage_groups": "DOUBLE",
        "coverage_groups_low": "DOUBLE",
        "coverage_groups_high": "DOUBLE",
        "coverage_rows": "DOUBLE",
        "width": "DOUBLE",
        "n": "INTEGER",
        "n_groups": "INTEGER",
    },
    "inverse_regression_scores": {**RESULT_KEY_COLUMNS, **_INVERSE_CELL, **_MEASURES},
    "inverse_feature_importances": {**RESULT_KEY_COLUMNS, **_INVERSE_CELL, **_IMPORTANCES},
    "regression_gaps": {**RESULT_KEY_COLUMNS, **_CELL, "study": "VARCHAR", "reason": "VARCHAR"},
    "block_influence": {
        **RESULT_KEY_COLUMNS,
        **_MODEL,
        "benchmark": "VARCHAR",
        "texts_sha256": "VARCHAR",
        "layer": "INTEGER",
        "block_influence": "DOUBLE",
        "n_layers": "INTEGER",
        "n_texts": "INTEGER",
        "n_tokens": "BIGINT",
        "max_length": "INTEGER",
        "dtype": "VARCHAR",
        "device": "VARCHAR",
        "torch_version": "VARCHAR",
        "transformers_version": "VARCHAR",
    },
    "pruning_effects": {
        **RESULT_KEY_COLUMNS,
        **EVALUATION_COLUMNS,
        "selection": "VARCHAR",
        "selection_seed": "BIGINT",
        "n_removed": "INTEGER",
        "before": "DOUBLE",
        "before_low": "DOUBLE",
        "before_high": "DOUBLE",
        "after": "DOUBLE",
        "difference": "DOUBLE",
        "difference_low": "DOUBLE",
        "difference_high": "DOUBLE",
        "n_samples": "INTEGER",
        "chance": "DOUBLE",
    },
    "layer_gradients": {
        **RESULT_KEY_COLUMNS,
        **_MODEL,
        "dataset": "VARCHAR",
        "data_sha256": "VARCHAR",
        "sampling": "VARCHAR",
        "step": "INTEGER",
        "optimizer": "VARCHAR",
        "learning_rate": "DOUBLE",
        "train_batch_size": "INTEGER",
        "seed": "BIGINT",
        "max_length": "INTEGER",
        "dtype": "VARCHAR",
        "device": "VARCHAR",
        "n_layers": "INTEGER",
        "layer": "INTEGER",
        "matrix": "VARCHAR",
        "nuclear_norm": "DOUBLE",
        "frobenius_norm": "DOUBLE",
        "spectral_norm": "DOUBLE",
        "effective_rank": "DOUBLE",
        "mean_sample_nuclear_norm": "DOUBLE",
        "mean_sample_nuclear_norm_low": "DOUBLE",
        "mean_sample_nuclear_norm_high": "DOUBLE",
        "n_samples": "INTEGER",
        "n_response_tokens": "BIGINT",
        "mean_response_tokens": "DOUBLE",
        "seconds": "DOUBLE",
        "peak_memory_bytes": "BIGINT",
        "torch_version": "VARCHAR",
        "transformers_version": "VARCHAR",
    },
}

#: Columns that batches of earlier code lack: they are read as null there.
ADDED_COLUMNS = {
    "regression_scores": {
        *(f"{m}_repeat_sd" for m in ("r2", "mae", "spearman", "gain")),
        *(f"{m}{end}" for m in ("spearman", "gain") for end in ("", "_low", "_high")),
        "n_repeats",
    },
    "feature_importances": {
        "importance_low",
        "importance_high",
        "rank_agreement",
        "n_repeats",
        "n_draws",
    },
    "score_predictions": {"bootstrap_group", "repeat", "repeat_seed", "baseline_score"},
}
RESULT_TABLES = tuple(t for t, columns in LANDING_TABLES.items() if "result_key" in columns)
#: Results of layer jobs, of which the embedded snapshot may hold some.
LAYER_TABLES = ("block_influence", "pruning_effects", "layer_gradients")
#: Filled by crawls alone, and by the compaction of what they landed.
CRAWLED_TABLES = (
    "hub_model_history",
    "hub_crawls",
    "hub_removals",
    "open_llm_v1_results",
    "hub_benchmarks",
    "hub_leaderboards",
)
#: Raw tables that the embedded snapshot fills, and crawls add to.
RAW_TABLES = tuple(t for t in LANDING_TABLES if t not in (*RESULT_TABLES, *CRAWLED_TABLES))

_INTEGER = r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?"
_FAMILIES = {
    "VARCHAR": r"VARCHAR|JSON",
    "BLOB": r"BLOB",
    "BOOLEAN": r"BOOLEAN",
    "INTEGER": _INTEGER,
    "BIGINT": _INTEGER,
    "DOUBLE": rf"DOUBLE|FLOAT|DECIMAL\(.*\)|{_INTEGER}",
    "TIMESTAMP WITH TIME ZONE": r"TIMESTAMP(_S|_MS|_NS)?( WITH TIME ZONE)?|DATE",
}


def matches(found: str, kind: str) -> bool:
    """Tell whether a file's DuckDB type `found` can stand for `kind` without loss.

    DuckDB would silently widen a text column among number columns to text, so that a retyped
    column must be refused before the files are read together.
    """
    return re.fullmatch(_FAMILIES[kind], found) is not None
