"""Whatever a leaderboard holds, each record is kept or set aside, as a plain reading says."""

import datetime
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from modelstrata.landing import batches, prepare
from modelstrata.landing_schema import LANDING_TABLES
from modelstrata.model_ids import is_model_id
from tests.dbt_project import odd_leaderboards
from tests.dbt_project.conftest import Warehouse
from tests.dbt_project.zone import V1_SCORES, V2_SCORES, Row

LEADERBOARDS = {
    "open_llm_leaderboard_v1": "open_llm_v1",
    "open_llm_leaderboard_v2": "open_llm_v2",
    "bigcodebench": "bigcodebench",
}
V1 = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")
V2 = ("ifeval", "bbh", "math_lvl_5", "gpqa", "musr", "mmlu_pro")
SYMBOLS = {
    "🟢": "pretrained",
    "🟩": "continuously pretrained",
    "🔶": "fine-tuned",
    "💬": "chat",
    "⭕": "chat",
    "🤝": "merge",
}
TEXTS = {
    "pretrained": "pretrained",
    "continuously pretrained": "continuously pretrained",
    "continously pretrained": "continuously pretrained",
    "fine-tuned": "fine-tuned",
    "fine-tuned on domain-specific datasets": "fine-tuned",
    "chat models (rlhf, dpo, ift, ...)": "chat",
    "instruction-tuned": "chat",
    "rl-tuned": "chat",
    "base merges and moerges": "merge",
    "merge": "merge",
}
WITNESSES = {"gsm8k": ("mmlu", 30), "math_lvl_5": ("mmlu_pro", 20), "ifeval": ("mmlu_pro", 20)}
PRECISIONS = {"bfloat16": 1, "float16": 2, "4bit": 5, "GPTQ": 5}
WEIGHTS = {"Original": 1, "Delta": 2, "Adapter": 3}


class Reading(NamedTuple):
    """What a record says, read without SQL."""

    table: str
    row: Row
    model: str | None
    name: str | None
    is_flagged: bool
    time: datetime.datetime | None
    latest: datetime.date | None
    scores: dict[str, float | None]
    raw: dict[str, float | None]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.models: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        url = urlsplit(dict(attrs).get("href") or "")
        path = url.path.strip("/")
        is_model = path.count("/") <= 1 and not path.startswith("datasets/")
        if tag == "a" and url.hostname == "huggingface.co" and is_model:
            self.models.append(path)


def linked(cell: str | None) -> str | None:
    parser = _Links()
    parser.feed(cell or "")
    return next(iter(parser.models), None)


def parse(text: str | None) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat((text or "").strip()).replace(tzinfo=None)
    except ValueError:
        return None


def read(table: str, row: Row) -> Reading:
    if table == "open_llm_leaderboard_v1":
        time = parse(row["date"])
        model = linked(row["Model"]) or row["Model"].strip(" ")
        scores = dict(zip(V1, (row[name] for name in V1_SCORES), strict=True))
        day = time and time.date()
        return Reading(table, row, model, model, row["Flagged"] is False, time, day, scores, {})
    if table == "open_llm_leaderboard_v2":
        submitted, uploaded = parse(row["Submission Date"]), parse(row["Upload To Hub Date"])
        name = (row["fullname"] or "").strip(" ")
        name, _, remark = name.partition("   has been flagged")
        name = name.strip(" ")
        model = linked(row["Model"]) or name or None
        days = [time.date() for time in (submitted, uploaded) if time]
        scores = dict(zip(V2, (row[name] for name in V2_SCORES), strict=True))
        raw = dict(zip(V2, (row[f"{name} Raw"] for name in V2_SCORES), strict=True))
        is_flagged = row["Flagged"] is True or bool(remark)
        latest = max(days, default=None)
        return Reading(table, row, model, name or model, is_flagged, submitted, latest, scores, raw)
    time = parse(row["date"])
    url = urlsplit(row["link"] or "")
    path = url.path.removeprefix("/").removesuffix("/")
    model = path if url.hostname == "huggingface.co" and path.count("/") == 1 else None
    kind = {"full": "", "hard": "hard_"}.get(row["split"])
    scores = {
        f"bigcodebench_{kind}{n}": row[n] for n in ("complete", "instruct") if kind is not None
    }
    name = row["name"] or "unnamed"
    return Reading(table, row, model, name, False, time, time and time.date(), scores, {})


def content(reading: Reading) -> tuple:
    """Return what makes two records copies of each other."""
    row = reading.row
    if reading.table == "bigcodebench":
        return tuple(repr(row[n]) for n in ("split", "name", "link", "complete", "instruct"))
    if reading.table == "open_llm_leaderboard_v1":
        names = ("Model", "date", *V1_SCORES)
    else:
        row = {**row, "name": row["fullname"] if row["fullname"] is not None else row["Model"]}
        names = ("name", "Submission Date", *V2_SCORES)
    common = ("Precision", "Weight type", "Model sha", "Average ⬆️")
    return tuple(repr(row.get(name)) for name in (*names, *common))


def are_fractions(reading: Reading, batch: list[Reading]) -> bool:
    def within(scores: list[float | None]) -> bool:
        stated = [s for s in scores if s is not None and not math.isnan(s)]
        return bool(stated) and min(stated) >= 0 and 0 < max(stated) <= 1

    if reading.table != "bigcodebench":
        return within(list(reading.scores.values()))
    pair = [reading.row["complete"], reading.row["instruct"]]
    if not within(pair):
        return False
    if any(s is not None and not math.isnan(s) and round(s, 1) != s for s in pair):
        return True
    every = [r.row[n] for r in batch for n in ("complete", "instruct")]
    return all(s is None or (not math.isnan(s) and s <= 1) for s in every)


def reason(reading: Reading, is_copy: bool, batch: list[Reading]) -> str | None:
    """Say why the whole record is set aside, or None."""
    is_named = reading.model is not None or reading.table != "bigcodebench"
    if is_named and not is_model_id(reading.model or ""):
        return "invalid_model_id"
    if is_copy:
        return "duplicate_record"
    if reading.latest and reading.latest > datetime.date(2026, 11, 23):
        return "from_the_future"
    if are_fractions(reading, batch):
        return "scores_as_fractions"
    average = reading.row.get("Average ⬆️")
    scores = list(reading.scores.values())
    if average is not None and None not in scores:
        off = abs(average - sum(s for s in scores if s is not None) / 6)
        if math.isnan(off) or off > 0.1:
            return "average_mismatch"
    return None


@pytest.fixture(scope="module")
def readings() -> dict[str, dict[str, Reading]]:
    """Return every landed record, by table and record id."""
    return {
        table: {record: read(table, row) for record, row in odd_leaderboards.records(table).items()}
        for table in LEADERBOARDS
    }


@pytest.fixture(scope="module")
def reasons(readings: dict[str, dict[str, Reading]]) -> dict[str, dict[str, str | None]]:
    """Return why each record is set aside whole, by a plain reading."""
    expected: dict[str, dict[str, str | None]] = {}
    for table, records in readings.items():
        copies, by_batch = defaultdict(list), defaultdict(list)
        for record, reading in records.items():
            copies[content(reading)].append(record)
            by_batch[record.split(":")[0]].append(reading)
        kept = {
            min(same, key=lambda record: (not records[record].is_flagged, record))
            for same in copies.values()
        }
        expected[table] = {
            record: reason(reading, record not in kept, by_batch[record.split(":")[0]])
            for record, reading in records.items()
        }
    return expected


@pytest.fixture(scope="module")
def warehouse(
    build: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    data = tmp_path_factory.mktemp("leaderboards")
    prepare(data / "landing")
    odd_leaderboards.fill(data / "landing", LANDING_TABLES)
    return build(data, MODELSTRATA_TODAY=odd_leaderboards.TODAY)


@pytest.fixture(scope="module")
def results(warehouse: Warehouse) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return benchmark_results by leaderboard, record and benchmark."""
    rows = warehouse.connection.execute("from marts.benchmark_results")
    names = [column[0] for column in rows.description]
    found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    by_key = {(row["leaderboard"], row["record_id"], row["benchmark"]): row for row in found}
    assert len(by_key) == len(found)
    return by_key


def is_sound(reading: Reading, benchmark: str) -> bool:
    score, raw = reading.scores[benchmark], reading.raw.get(benchmark)
    return score is not None and 0 <= score <= 100 and (raw is None or 0 <= raw * 100 <= 100)


def kept(
    readings: dict[str, dict[str, Reading]], reasons: dict[str, dict[str, str | None]]
) -> Iterator[tuple[str, str, Reading]]:
    for table, records in readings.items():
        for record, reading in records.items():
            if reasons[table][record] is None:
                yield table, record, reading


def test_every_reason_comes_up_and_most_records_are_kept(
    reasons: dict[str, dict[str, str | None]],
) -> None:
    for table, found in reasons.items():
        known = {"duplicate_record", "from_the_future", "invalid_model_id", "scores_as_fractions"}
        known |= {"average_mismatch"} if table != "bigcodebench" else set()
        assert {reason for reason in found.values() if reason} == known
        assert sum(reason is None for reason in found.values()) > len(found) / 3


def test_every_record_is_set_aside_for_the_reason_that_a_plain_reading_gives(
    warehouse: Warehouse, reasons: dict[str, dict[str, str | None]]
) -> None:
    for table, expected in reasons.items():
        found = warehouse.rows(
            "select record_id, reason from marts.rejected_records "
            "where rejected_from = ? and field = '' and reason <> 'score_missing'",
            table,
        )
        assert len(dict(found)) == len(found)
        assert dict(found) == {record: why for record, why in expected.items() if why}


def test_every_score_of_a_kept_record_is_a_result_or_set_aside(
    warehouse: Warehouse,
    readings: dict[str, dict[str, Reading]],
    reasons: dict[str, dict[str, str | None]],
    results: dict[tuple[str, str, str], dict[str, Any]],
) -> None:
    expected, aside = {}, set()
    for table, record, reading in kept(readings, reasons):
        stated = [b for b, score in reading.scores.items() if score is not None]
        aside |= {(table, record, "", "score_missing")} if not stated else set()
        for benchmark in stated:
            if is_sound(reading, benchmark):
                key = (LEADERBOARDS[table], record, benchmark)
                expected[key] = (reading.scores[benchmark], reading.model)
            else:
                aside.add((table, record, benchmark, "score_out_of_range"))
    assert len(expected) > 15_000 and len(aside) > 500
    found = {key: (row["score"], row["model_id"]) for key, row in results.items()}
    assert found == expected
    assert aside == set(
        warehouse.rows(
            "select rejected_from, record_id, field, reason from marts.rejected_records "
            "where reason in ('score_missing', 'score_out_of_range')"
        )
    )


def test_flags_hold_for_copies_and_types_follow_the_legend(
    readings: dict[str, dict[str, Reading]],
    reasons: dict[str, dict[str, str | None]],
    results: dict[tuple[str, str, str], dict[str, Any]],
) -> None:
    def run(reading: Reading) -> tuple:
        row = reading.row
        keys = (row.get("Precision"), row.get("Weight type"), row.get("Model sha"))
        return (reading.table, reading.model, *keys, repr(reading.scores))

    flagged = {run(reading) for _, _, reading in kept(readings, reasons) if reading.is_flagged}
    sources = set()
    for (leaderboard, record, _), row in results.items():
        table = next(name for name, board in LEADERBOARDS.items() if board == leaderboard)
        reading = readings[table][record]
        assert row["is_flagged"] == (run(reading) in flagged)
        assert row["model_name"] == reading.name
        text = (reading.row.get("Type") or "").lower().lstrip("🟢🟩🔶💬⭕🟦🤝🌸❓? :")
        by_symbol = SYMBOLS.get((reading.row.get("T") or "").replace("\ufe0f", "").strip(" "))
        by_text = TEXTS.get(text)
        assert row["training_type"] == (by_symbol or by_text)
        source = {
            (True, True): "symbol and text" if by_symbol == by_text else "symbol against text",
            (True, False): "symbol",
            (False, True): "text",
            (False, False): None,
        }[bool(by_symbol), bool(by_text)]
        assert row["training_type_source"] == source
        sources.add(source)
    assert len(sources) == 5


def test_evaluations_rank_by_the_stated_rule(
    readings: dict[str, dict[str, Reading]], results: dict[tuple[str, str, str], dict[str, Any]]
) -> None:
    ranked: dict[tuple[str, str], dict[int, tuple]] = defaultdict(dict)
    for (leaderboard, record, _), row in results.items():
        if row["model_id"] is None:
            continue
        table = next(name for name, board in LEADERBOARDS.items() if board == leaderboard)
        reading = readings[table][record]
        stated = [score for score in reading.scores.values() if score is not None]
        mean = sum(stated) / len(stated)
        own = row["model_id"].split("/")[-1].lower()
        ranked[leaderboard, row["model_id"]][row["evidence_rank"]] = (
            row["is_flagged"],
            PRECISIONS.get(reading.row.get("Precision"), 3),
            WEIGHTS.get(reading.row.get("Weight type"), 2),
            -(reading.time or datetime.datetime.min).timestamp() if reading.time else math.inf,
            (reading.name or "").split("/")[-1].lower() != own,
            math.inf if math.isnan(mean) else round(mean, 6),
        )
    compared = 0
    for ranks in ranked.values():
        keys = [ranks[rank] for rank in sorted(ranks)]
        assert keys == sorted(keys)
        compared += len(keys) - 1
    assert compared > 2000


def test_failed_generations_are_flagged_where_the_witness_is_high(
    readings: dict[str, dict[str, Reading]], results: dict[tuple[str, str, str], dict[str, Any]]
) -> None:
    failed = set()
    for leaderboard, record, benchmark in results:
        witness, lowest = WITNESSES.get(benchmark, ("", 0))
        other = results.get((leaderboard, record, witness))
        if results[leaderboard, record, benchmark]["score"] == 0 and other:
            if other["score"] >= lowest:
                failed.add((leaderboard, record, benchmark))
    assert {key[2] for key in failed} == set(WITNESSES)
    assert failed == {key for key, row in results.items() if row["is_failed_generation"]}


def test_contradicting_records_are_shown_and_all_but_one_score_set_aside(
    warehouse: Warehouse, results: dict[tuple[str, str, str], dict[str, Any]]
) -> None:
    runs = defaultdict(list)
    for (leaderboard, _, benchmark), row in results.items():
        keys = ("model_id", "precision", "weight_type", "model_sha", "evaluated_on")
        if row["model_id"] is not None:
            runs[leaderboard, benchmark, *(row[key] for key in keys)].append(row)
    contradicted, aside = set(), set()
    for run in runs.values():
        scores = [row["score"] for row in run]
        if max(scores) - min(scores) > 0.01:
            chosen = min(run, key=lambda row: row["evidence_rank"])["score"]
            for row in run:
                key = (row["record_id"], row["benchmark"])
                contradicted.add(key)
                if abs(row["score"] - chosen) > 0.01:
                    aside.add(key)
    assert len(contradicted) > 500
    shown = {
        (row["record_id"], row["benchmark"]) for row in results.values() if row["is_contradicted"]
    }
    assert shown == contradicted
    found = warehouse.rows(
        "select record_id, field from marts.rejected_records where reason = 'contradicting_record'"
    )
    assert sorted(found) == sorted(aside)


def test_benchmark_scores_are_those_of_the_first_rank(
    warehouse: Warehouse, results: dict[tuple[str, str, str], dict[str, Any]]
) -> None:
    best: dict[tuple[str, str, str], dict[str, Any]] = {}
    for (leaderboard, _, benchmark), row in results.items():
        key = (row["model_id"], benchmark, leaderboard)
        if row["model_id"] and (
            key not in best or row["evidence_rank"] < best[key]["evidence_rank"]
        ):
            best[key] = row
    columns = ("score", "evaluation_id", "is_flagged", "is_failed_generation", "is_contradicted")
    found = warehouse.rows(
        f"select model_id, benchmark, leaderboard, {', '.join(columns)} from marts.benchmark_scores"
    )
    assert {row[:3]: row[3:] for row in found} == {
        key: tuple(row[column] for column in columns) for key, row in best.items()
    }


def test_empty_batches_are_listed_and_add_nothing(warehouse: Warehouse) -> None:
    landed = {(table, path.stem) for table, path in batches(warehouse.data / "landing")}
    assert {(table, "empty") for table in LEADERBOARDS} <= landed
    for table in LEADERBOARDS:
        staged = warehouse.one(
            f"select count(*) filter (record_id like 'empty:%'), count(*) "
            f"from staging.stg_landing__{table}"
        )
        assert staged == (0, len(odd_leaderboards.records(table)))
