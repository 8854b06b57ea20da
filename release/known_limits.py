"""What a reader of the release must know; the card lists it."""

KNOWN_LIMITS = (
    "The two Open LLM Leaderboards are archives: the first ended in 2024, the second in 2025. "
    "Models that came later have none of their scores.",
    "Results of the leaderboards `hub_eval_results` and `model_index`, where there are any, are "
    "what model repositories report, mostly by their authors; nobody ran them again for this.",
    "Rows of `structure_performance` whose `structure_tier` is `imputed` get their structure from "
    "other models. They are no basis for a headline: use `exact`, as every R² here does.",
    "Most configs of the embedded snapshot are partial. A key that one leaves out is unknown, "
    "never a default, so that `d_ffn`, `kv_heads` and others are missing for many models.",
    "Thousands of fine-tunes are near copies of one base model and no independent draws. A "
    "regression on a random split recognises them; read its R² beside that of the grouped split.",
    "`size` comes from sources of different precision (`size_source`); the first leaderboard "
    "states whole billions, rounded down. Where a stated size and the counted one differ, "
    "`has_size_conflict` says so.",
    "Dates: 2022-03-02 is what the Hub gives all older repositories, and most models of the first "
    "leaderboard have the day of their submission only, which is late (`date_source`).",
    "Downloads and likes are of the day they were listed; 0 likes often mean unknown.",
    "The models are those that the sources name, which is no census of the Hub; statistics say in "
    "columns such as `coverage` and `n_models` how much they know.",
    "Scores that say little are marked and not dropped: `is_flagged`, `is_failed_generation`, "
    "`is_contradicted`. Records and values that were set aside are in `rejected_records`.",
    "`block_influence`, `pruning_effects`, `pruning_comparisons`, `layer_gradients`, "
    "`layer_relevance`, `pruning_paths` and `relevance_agreement` hold only the models that were "
    "measured, which may be none, and are of the very weights that a row names: 4-bit ones "
    "(`weights_format` `gguf:Q4_1`) are not the model as published.",
    "Scores in `pruning_effects` and `pruning_paths` are of `n_samples` or `n_items` documents, "
    "often few: read differences with their intervals, and none where the full model is at chance "
    "(`is_at_chance`).",
)

PAPERS = (
    (
        "From Parameters to Performance: A Data-Driven Study on LLM Structure and Development",
        "2509.18136",
        "whose tables and figures the statistics and regressions follow",
    ),
    (
        "Rethinking Layer Relevance in LLMs Beyond Cosine Similarity",
        "2605.14075",
        "if you use the measurements of layers",
    ),
)
