"""One rule for model ids, in Python and in SQL."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import Environment

from modelstrata.errors import InvalidModelId
from modelstrata.model_ids import is_model_id, validate_model_id
from modelstrata.settings import DBT_PROJECT

GOOD = ["gpt2", "EleutherAI/pythia-1.4b", "a/b", "_x/_y", "0-hero/Matter_0.1", "a" * 96, "x.y/z.w"]
BAD = [
    "",
    "/",
    "a/",
    "/b",
    "a//b",
    "a/b/c",
    "../etc",
    "a..b",
    "a--b/c",
    "-a",
    ".a",
    "a.",
    "a/b-",
    "a b",
    " a",
    "a\n",
    "a\x00b",
    "a'b",
    'a"b',
    "é/b",
    "😀",
    "a\\b",
    "a%2fb",
    "a" * 97,
    "a/" + "b" * 97,
    "https://huggingface.co/a/b",
]


@pytest.fixture(scope="session")
def macro() -> duckdb.DuckDBPyConnection:
    """Return a connection on which `is_model_id(text)` is the dbt macro's SQL."""
    source = Path(DBT_PROJECT / "macros" / "is_model_id.sql").read_text(encoding="utf-8")
    template = Environment(autoescape=False).from_string(source)
    sql = template.module.is_model_id("id")  # type: ignore[attr-defined]
    connection = duckdb.connect()
    connection.execute(f"create macro is_model_id(id) as ({sql})")
    return connection


def in_sql(macro: duckdb.DuckDBPyConnection, text: str | None) -> bool:
    row = macro.execute("select is_model_id($1::varchar)", [text]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("text", GOOD)
def test_ids_of_the_hub_pass_in_both(macro: duckdb.DuckDBPyConnection, text: str) -> None:
    assert validate_model_id(text) == text
    assert in_sql(macro, text) is True


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused_in_both(macro: duckdb.DuckDBPyConnection, text: str) -> None:
    with pytest.raises(InvalidModelId) as refusal:
        validate_model_id(text)
    assert repr(text) in str(refusal.value)
    assert in_sql(macro, text) is False


def test_a_missing_id_is_no_id_in_sql(macro: duckdb.DuckDBPyConnection) -> None:
    assert in_sql(macro, None) is False


NEAR_IDS = st.text(st.sampled_from("aZ0-_./ \n'é"), max_size=12)
LONG_IDS = st.tuples(st.integers(90, 100), st.integers(0, 100)).map(
    lambda lengths: "a" * lengths[0] + "/" + "b" * lengths[1]
)


@given(NEAR_IDS | LONG_IDS | st.text(max_size=20).filter(lambda text: "\x00" not in text))
@example("a\u0301/b")
@example("a\r")
def test_python_and_sql_agree(macro: duckdb.DuckDBPyConnection, text: str) -> None:
    assert is_model_id(text) == in_sql(macro, text)


@given(NEAR_IDS)
def test_an_id_never_leaves_its_folder(text: str) -> None:
    if is_model_id(text):
        assert Path("/root", text).resolve().is_relative_to("/root")
        assert not set(text) & set("'\" \n\\")
