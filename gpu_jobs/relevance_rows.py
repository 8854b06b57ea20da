"""The columns of relevance results."""

from modelstrata.landing_schema import (
    ITEM_COLUMNS,
    LANDING_TABLES,
    MEASURED_COLUMNS,
    RESULT_KEY_COLUMNS,
)

#: One row a criterion and a layer that is left; `step` is the number of layers removed before.
LAYER_RELEVANCE = LANDING_TABLES["layer_relevance"]
#: One row a step of a path and a task it is reported on.
PRUNING_PATHS = LANDING_TABLES["pruning_paths"]
#: One row an item: what a model without some layers scores on it.
ITEM_SCORES = {
    **RESULT_KEY_COLUMNS,
    **MEASURED_COLUMNS,
    **ITEM_COLUMNS,
    "item": "VARCHAR",
    "score": "DOUBLE",
    "log_likelihood": "DOUBLE",
    "chance": "DOUBLE",
    "seconds": "DOUBLE",
    "peak_memory_bytes": "BIGINT",
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
