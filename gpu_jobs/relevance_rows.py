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
    "unit": "VARCHAR",
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
#: One row an item and a layer, null for none: what the model scores without that layer too. How it
#: is made stands in the rows of `LAYER_RELEVANCE` of the same key.
REMOVAL_ITEMS = {
    **RESULT_KEY_COLUMNS,
    "layer": "INTEGER",
    "item": "VARCHAR",
    "score": "DOUBLE",
    "log_likelihood": "DOUBLE",
    "n_tokens": "INTEGER",
    "chance": "DOUBLE",
}
#: One row a step of a path and a task it is reported on.
PRUNING_PATHS = {
    **PROVENANCE,
    "calibration": "VARCHAR",
    "calibration_items": "INTEGER",
    "criterion": "VARCHAR",
    "path": "VARCHAR",
    "path_seed": "BIGINT",
    "method": "VARCHAR",
    "n_layers": "INTEGER",
    "unit": "VARCHAR",
    "step": "INTEGER",
    "layer": "INTEGER",
    "removed_layers": "VARCHAR",
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
}
