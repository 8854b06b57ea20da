"""What the warehouse knows of the spellings of config.json, read for one config.

The knowledge is data: for each model type the keys of a field, its class's default and its rule
about an absent key (`intermediate.int_config_types`, from transformers' own classes and the seeds
of `dbt_project`). dbt resolves every landed config with it, `ml.config_file` one that did not land.
"""

from dataclasses import dataclass
from typing import Any

import duckdb

from modelstrata.errors import WarehouseError


def sql_text(text: str | None) -> str:
    """Return a text as SQL.

    DuckDB imports pandas to bind a text as a parameter, which takes a third of the time that an
    answer may take. Its texts know no escapes but the doubled quote, and end at a zero byte.
    """
    return "'" + (text or "").replace("\0", "").replace("'", "''") + "'"


#: One way to spell a field: JSON paths, of which the first that holds a number counts, and a scale.
Spelling = tuple[list[str], float]


@dataclass(frozen=True)
class TypeRules:
    """What is known of one model type.

    Attributes:
        model_type: its name, empty where the type is unknown.
        language_path: JSON path of the sub-config that holds its language model, if there is one.
        language_type: model type of that language model.
        reads_own_keys: whether it reads keys that no other type shares.
        spelling: number of the spelling by field, none for one that is spelled as most types do.
        default: its class's default by field.
        rule: rule about an absent key by field, such as `4*d_model`.
        invariant: fields whose rule holds in partial configs too.
    """

    model_type: str
    language_path: str | None
    language_type: str | None
    reads_own_keys: bool
    spelling: dict[str, int]
    default: dict[str, float]
    rule: dict[str, str]
    invariant: frozenset[str]


@dataclass(frozen=True)
class Condition:
    """A value that depends on a further key: a row of the seed `config_conditions`."""

    field: str
    model_type: str | None
    key: str
    equals: str
    default: int | None
    value: str


class ConfigRules:
    """The rules of one warehouse.

    Attributes:
        fields: structural fields, in the order in which rules may name them.
        switches: those that are true or false.
        spellings: spelling by field and number; None is the number of the general one.
        conditions: rules that depend on a further key, in their order.
        language_paths: where the language model of an unknown type may sit.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read the rules that all types share.

        Raises:
            WarehouseError: the file does not hold them.
        """
        self._connection = connection
        try:
            self._read()
        except duckdb.CatalogException as error:
            raise WarehouseError(
                "The warehouse lacks the tables of config spellings: build it anew "
                f"(`make build`). ({str(error).splitlines()[0]})"
            ) from error

    def _read(self) -> None:
        columns = self._rows(
            "select column_name from duckdb_columns() where schema_name = 'intermediate' "
            "and table_name = 'int_config_types' order by column_index"
        )
        self._columns = [name for (name,) in columns]
        suffix = "_spelling"
        self.fields = [name.removesuffix(suffix) for name in self._columns if name.endswith(suffix)]
        switches = self._rows(
            "select column_name from duckdb_columns() where schema_name = 'marts' "
            "and table_name = 'model_structures' and data_type = 'BOOLEAN'"
        )
        self.switches = {name for (name,) in switches} & set(self.fields)
        self.spellings: dict[str, dict[int | None, Spelling]] = {name: {} for name in self.fields}
        for field, number, paths, scale in self._rows(
            "select field, spelling, json_paths, scale from intermediate.int_config_spellings"
        ):
            self.spellings[field][number] = (paths, float(scale))
        self.conditions = [
            Condition(field, model_type, key, equals, default, value or "")
            for field, model_type, key, equals, default, value in self._rows(
                "select field, model_type, when_key, when_value, default_value::bigint, value "
                "from rules.config_conditions order by field, step"
            )
        ]
        paths = self._rows(
            "select json_path from rules.config_fields where field = 'language_config' "
            "order by preference, json_path"
        )
        self.language_paths = [path for (path,) in paths]
        self._sort_keys()

    def _sort_keys(self) -> None:
        every = {
            path: field
            for field, ways in self.spellings.items()
            for paths, _ in ways.values()
            for path in paths
        }
        #: Keys that any type may use.
        self.general_keys = {
            path for ways in self.spellings.values() for path in ways.get(None, ([], 1.0))[0]
        }
        chosen = [one for one in self.conditions if one.equals != "null"]
        #: Keys that hold true or false.
        self.switch_keys = {path for path, field in every.items() if field in self.switches}
        self.switch_keys |= {one.key for one in chosen}
        #: Keys that hold a number.
        self.number_keys = {
            path
            for path in {*every, *(one.key for one in self.conditions)} - self.switch_keys
            if path != "expansion_ratio" and not path.endswith("[]")
        }

    def of_type(self, model_type: str | None) -> TypeRules:
        """Return what is known of a model type, or rules that know nothing."""
        row = self._rows(
            f"from intermediate.int_config_types where model_type = {sql_text(model_type)}"
        )
        known: dict[str, Any] = dict(zip(self._columns, row[0], strict=True)) if row else {}

        def by_field(suffix: str) -> dict[str, Any]:
            found = {name: known.get(f"{name}_{suffix}") for name in self.fields}
            return {name: value for name, value in found.items() if value is not None}

        return TypeRules(
            known.get("model_type", ""),
            known.get("language_path"),
            known.get("language_type"),
            bool(known.get("reads_own_keys")),
            by_field("spelling"),
            by_field("default"),
            by_field("rule"),
            frozenset(name for name, holds in by_field("is_invariant").items() if holds),
        )

    def type_of_class(self, architecture: str | None) -> str | None:
        """Return the model type that a class such as `LlamaForCausalLM` stands for."""
        found = self._rows(
            "select model_type from intermediate.int_config_architectures "  # noqa: S608
            f"where architecture = {sql_text(architecture)}"
        )
        return found[0][0] if found else None

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lowest and highest plausible value by field."""
        rows = self._rows("select field, lowest, highest from rules.plausible_ranges")
        return {field: (float(low), float(high)) for field, low, high in rows}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()
