"""The columns of relevance results."""

from modelstrata.landing_schema import MEASURED_COLUMNS, RESULT_KEY_COLUMNS

#: How a result was made; the first columns of each table.
PROVENANCE = {**RESULT_KEY_COLUMNS, **MEASURED_COLUMNS}
_HOW = {
    "task": "VARCHAR",
    "split": "VARCHAR",
    "protocol": "VARCHAR",
    "n_items": "INTEGER",
    "n_truncated": "INTEGER",
    "item_seed": "BIGINT",
    "item_limit": "INTEGER",
    "max_length": "INTEGER",
    "n_layers": "INTEGER",
    "removed_layers": "VARCHAR",
}
_COST = {"seconds": "DOUBLE", "peak_memory_bytes": "BIGINT"}
#: One row a criterion and a layer that is left; `step` is the number of layers removed before.
LAYER_RELEVANCE = {
    **PROVENANCE,
    **_HOW,
    "step": "INTEGER",
    "criterion": "VARCHAR",
    "layer": "INTEGER",
    "relevance": "DOUBLE",
    "tie": "DOUBLE",
    "score": "DOUBLE",
    "score_without": "DOUBLE",
    "chance": "DOUBLE",
    "n_scored": "INTEGER",
    "method": "VARCHAR",
    "error_rate": "DOUBLE",
    "race_seed": "BIGINT",
    **_COST,
}
#: One row an item: what a model without some layers scores on it.
ITEM_SCORES = {
    **PROVENANCE,
    **_HOW,
    "item": "VARCHAR",
    "score": "DOUBLE",
    "log_likelihood": "DOUBLE",
    "chance": "DOUBLE",
    **_COST,
}
#: How a pruned model was fine-tuned, where it was: losses are means over the validation items, in
#: nats a response token, and `healing` is a JSON object of the settings and of all losses.
HEALING = {
    "healing_seed": "BIGINT",
    "healing_items": "INTEGER",
    "healing_validation_items": "INTEGER",
    "healing_steps": "INTEGER",
    "healing_best_step": "INTEGER",
    "healing_loss_before": "DOUBLE",
    "healing_loss": "DOUBLE",
    "healing": "VARCHAR",
}
#: One row an item: what a model without some layers scores on it once it is fine-tuned.
HEALED_SCORES = {**ITEM_SCORES, **HEALING}
#: What tells paths of one model apart; a path's rows have these in common. `packed` tells whether
#: cosines are over full contexts.
SEARCH = {
    "calibration": "VARCHAR",
    "calibration_split": "VARCHAR",
    "calibration_items": "INTEGER",
    "calibration_seed": "BIGINT",
    "calibration_sha256": "VARCHAR",
    "criterion": "VARCHAR",
    "packed": "BOOLEAN",
    "path": "VARCHAR",
    "path_seed": "BIGINT",
    "beam_width": "INTEGER",
    "method": "VARCHAR",
    "error_rate": "DOUBLE",
}
#: One row a step of a path and a task it is reported on, and one more where it is healed.
#: `removal_order` has the layers of `removed_layers` in the order of their removal.
PRUNING_PATHS = {
    **PROVENANCE,
    **SEARCH,
    "n_layers": "INTEGER",
    "step": "INTEGER",
    "layer": "INTEGER",
    "removed_layers": "VARCHAR",
    "removal_order": "VARCHAR",
    "task": "VARCHAR",
    "split": "VARCHAR",
    "protocol": "VARCHAR",
    "n_items": "INTEGER",
    "chance": "DOUBLE",
    "before": "DOUBLE",
    "after": "DOUBLE",
    "difference": "DOUBLE",
    "difference_low": "DOUBLE",
    "difference_high": "DOUBLE",
    "healed": "BOOLEAN",
    **HEALING,
}
