"""A model's size counted from its structure, by the warehouse's formulas.

`staging.stg_landing__parameter_terms` holds, by model type, the terms that add up to the parameters
of the class that transformers builds, such as `3*layers*d_model*d_ffn`; how good they are stands in
docs/parameter_counts.md.
"""

from dataclasses import dataclass

import duckdb

from ml.config_file import ConfigStructure
from ml.config_rules import ConfigRules, sql_text

#: What the class's own default stands in for, where the config does not say.
_ASSUMED = ("attention_bias", "mlp_bias", "tie_word_embeddings")


@dataclass(frozen=True)
class Counted:
    """Parameters of the language model.

    Attributes:
        size: billions of parameters.
        is_confirmed: whether the formula reproduces the sizes that models of this type state.
    """

    size: float
    is_confirmed: bool


def count_parameters(
    connection: duckdb.DuckDBPyConnection, rules: ConfigRules, structure: ConfigStructure
) -> Counted | None:
    """Count parameters as the mart parameter_counts does.

    Returns:
        The count; None where the type has no formula, or a variable of it is unknown.
    """
    known = rules.of_type(structure.schema_type)
    language = rules.of_type(known.language_type or structure.schema_type)
    name = sql_text(language.model_type)
    # A type without terms of its own may have the blocks of another one.
    terms = connection.execute(
        "select term, coefficient from staging.stg_landing__parameter_terms "  # noqa: S608
        f"where term is not null and model_type in ({name}, (select any_value(same_as) "
        f"from rules.config_type_aliases where model_type = {name} and model_type not in "
        "(select own.model_type from staging.stg_landing__parameter_terms as own)))"
    ).fetchall()
    if not terms:
        return None
    variables = dict(structure.values)
    _assume(variables, language.default, language.rule.get("head_dim"))
    total = 0.0
    for term, coefficient in terms:
        product = float(coefficient)
        for factor in term.split("*"):
            value = float(factor) if factor.isdigit() else variables.get(factor)
            if value is None:
                return None
            product *= value
        total += product
    confirmed = connection.execute(
        "select is_reproduced from intermediate.int_formula_types "  # noqa: S608
        f"where language_type = {name}"
    ).fetchone()
    return Counted(round(total) / 1e9, bool(confirmed and confirmed[0]))


def _assume(
    variables: dict[str, float], defaults: dict[str, float], head_dim_rule: str | None
) -> None:
    """Complete a structure by what its class assumes, as `int_parameter_inputs` does."""
    if "dense_d_ffn" in variables:
        variables["d_ffn"] = variables["dense_d_ffn"]
    width, heads = variables.get("d_model"), variables.get("heads")
    query = [variables.get(name) for name in ("qk_nope_head_dim", "qk_rope_head_dim")]
    if "q_lora_rank" not in variables and width and heads and None not in query:
        # The rank at which two projections hold as many parameters as the one that is there.
        across = heads * sum(one for one in query if one is not None)
        if across:
            variables["q_lora_rank"] = 1 / (1 / width + 1 / across)
    if "head_dim" not in variables:
        if head_dim_rule == "d_model/heads" and width and heads:
            variables["head_dim"] = width // heads
        elif head_dim_rule != "d_model/heads" and "head_dim" in defaults:
            variables["head_dim"] = defaults["head_dim"]
    for name in _ASSUMED:
        if name not in variables and name in defaults:
            variables[name] = defaults[name]
    if "tie_word_embeddings" in variables:
        variables["untied"] = 1 - variables["tie_word_embeddings"]
    if "layers" in variables and "dense_layers" in variables:
        variables["sparse_layers"] = variables["layers"] - variables["dense_layers"]
