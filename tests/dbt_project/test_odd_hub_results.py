"""Results that the Hub holds: mapped or listed, the best evidence first, none lost."""

import pytest

from tests.dbt_project.conftest import Warehouse


def results(odd: Warehouse, leaderboard: str, columns: str) -> list[tuple[object, ...]]:
    query = f"select benchmark, score, {columns} from marts.benchmark_results "
    return odd.rows(query + "where model_id = 'hub/one' and leaderboard = ? order by all", leaderboard)


def test_the_best_evidence_is_verified_then_without_tools_then_latest(odd: Warehouse) -> None:
    assert results(
        odd, "hub_eval_results", "status, notes, evidence_rank, is_contradicted, is_mapped"
    ) == [
        ("hle", 19.5, "self-reported", None, 3, True, True),
        ("hle", 20.9, "self-reported", None, 2, True, True),
        ("hle", 21.5, "verified", None, 1, True, True),
        ("hle", 44.9, "self-reported", "With tools", 4, False, True),
        ("own/set:acc", 0.3, "self-reported", None, 1, False, False),
    ]
    chosen = "select score, status, n_results, evaluated_on::varchar from marts.benchmark_scores "
    assert odd.one(chosen + "where model_id = 'hub/one' and benchmark = 'hle'") == (
        *(21.5, "verified", 4),
        "2026-01-15",
    )


def test_cards_results_are_those_of_a_leaderboard_or_keep_their_own_name(odd: Warehouse) -> None:
    assert results(odd, "model_index", "is_mapped, source_name, notes") == [
        ("hellaswag", 77.1, True, "Open LLM Leaderboard", "hellaswag (5-Shot)"),
        ("hellaswag:acc_norm", 0.76, False, None, "hellaswag (5-Shot)"),
        ("mmlu_pro", 31.2, True, "Open LLM Leaderboard", "TIGER-Lab/MMLU-Pro (5-Shot)"),
        ("mozilla/cv/de:wer", 12.5, False, None, "mozilla/cv (5-Shot)"),
        ("mozilla/cv/fr:wer", 9.5, False, None, "mozilla/cv (5-Shot)"),
    ]


def test_what_is_no_score_is_set_aside_one_by_one(odd: Warehouse) -> None:
    assert odd.rows(
        "select field, value, reason from marts.rejected_records "
        "where rejected_from = 'benchmark_results' and model_id = 'hub/one' order by all"
    ) == [
        ("", '"odd"', "score_not_a_number"),
        ("", '"text"', "score_not_a_number"),
        ("", "3", "benchmark_unnamed"),
        ("", "3", "score_not_a_number"),
        ("", "7", "score_not_a_number"),
        ("", "7", "score_not_a_number"),
        ("", "[]", "score_not_a_number"),
        ("", "null", "score_not_a_number"),
        ("", "value: expected number", "score_not_a_number"),
        ("", '{"dataset":"odd","metrics":{"type":"acc"}}', "score_not_a_number"),
        ("", '{"results":3}', "score_not_a_number"),
        ("acc", "3", "benchmark_unnamed"),
        ("gpqa_diamond", "0.41", "scores_as_fractions"),
        ("n/n:f1", '"NaN"', "score_not_a_number"),
        ("own/arena:elo", "1200", "score_out_of_range"),
        ("own/set:acc", '"n/a"', "score_not_a_number"),
        ("own/set:acc", "null", "score_not_a_number"),
    ]


def test_leaderboards_add_models_and_pull_requests_and_the_newest_counts(odd: Warehouse) -> None:
    ranked = "select score, status from marts.benchmark_results where model_id = ?"
    assert odd.rows(ranked, "hub/pulled") == [(33.3, "community")]
    assert odd.rows(ranked, "hub/left") == []
    assert odd.reasons("hub/left", "hub_leaderboards") == [("", "older_ranking")]
    assert odd.reasons("hub/..", "hub_leaderboards") == [("", "invalid_model_id")]
    assert odd.reasons("hub/cut", "hub_leaderboards") == [("", "invalid_json")]
    assert odd.one("select found_in from marts.models where model_id = 'hub/pulled'") == (
        ["hub_eval_results"],
    )


def test_benchmarks_are_listed_with_the_unknown_and_the_unused(odd: Warehouse) -> None:
    listed = odd.rows(
        "select leaderboard, dataset_id, benchmark, is_mapped, is_official, sum(n_results), "
        "sum(n_rejected) from marts.hub_benchmarks group by all order by all"
    )
    assert ("hub_eval_results", "cais/hle", "hle", True, True, 5, 0) in listed
    assert ("hub_eval_results", "own/unused", "own/unused", False, True, 0, 0) in listed
    assert ("hub_eval_results", "own/arena", "own/arena:elo", False, False, 0, 1) in listed
    assert ("model_index", "mozilla/cv", "mozilla/cv/de:wer", False, False, 1, 0) in listed
    (named,) = odd.one(
        "select count(*) from marts.benchmark_results where not is_mapped and benchmark not in "
        "(select benchmark from marts.hub_benchmarks where not is_mapped)"
    )
    assert named == 0
    assert odd.one(
        "select count(*) from marts.score_distributions where benchmark in "
        "(select benchmark from marts.hub_benchmarks where not is_mapped)"
    ) == (0,)


def test_the_archive_adds_what_the_final_table_lacks(odd: Warehouse) -> None:
    def scores(model: str) -> dict[object, float]:
        return {
            (sha, benchmark): pytest.approx(score)
            for sha, benchmark, score in odd.rows(
                "select model_sha, benchmark, score from marts.benchmark_results "
                "where model_id = ? and leaderboard = 'open_llm_v1'",
                model,
            )
        }

    names = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")
    assert scores("hub/tabulated") == {
        (sha, name): base + step
        for sha, base in (("s1", 50), ("s2", 40))
        for step, name in enumerate(names)
    }
    assert odd.reasons("hub/tabulated", "open_llm_v1_results") == [
        ("", "duplicate_record"),
        ("", "older_evaluation"),
    ]
    assert {name for _, name in scores("hub/57")} == {*names} - {"mmlu"}
    assert {name for _, name in scores("hub/nan")} == {*names} - {"gsm8k"}
    assert odd.rows(
        "select distinct is_flagged from marts.benchmark_results where model_id = 'hub/contaminated'"
    ) == [(True,)]
    assert odd.reasons("hub/cut", "open_llm_v1_results") == [("", "invalid_json")]
    assert odd.reasons("hub/listed", "open_llm_v1_results") == [("", "not_an_object")]
    assert odd.reasons("hub/twice", "open_llm_v1_results") == [("", "score_missing")]
    assert odd.reasons("hub/no id", "open_llm_v1_results") == [("", "invalid_model_id")]
