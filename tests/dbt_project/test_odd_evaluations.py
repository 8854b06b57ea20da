"""Rules for leaderboards, on the hand-made landing zone."""

from typing import Any

import pytest

from tests.dbt_project.conftest import Warehouse

SIX = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")


def evaluation(odd: Warehouse, model: str, column: str) -> Any:
    """Return a column of the model's best evaluation."""
    (value,) = odd.one(
        f"select distinct {column} from marts.benchmark_results "
        "where model_id = ? and evidence_rank = 1",
        model,
    )
    return value


def test_best_evaluation_is_unflagged_then_precise_then_own_then_latest(odd: Warehouse) -> None:
    ranked = odd.rows(
        "select score from marts.benchmark_results "
        "where model_id = 'odd/best' and benchmark = 'arc_challenge' order by evidence_rank"
    )
    assert ranked == [(10,), (20,), (70,), (60,), (80,), (90,)]


def test_all_six_scores_come_from_the_best_evaluation(odd: Warehouse) -> None:
    wide = odd.one(f"select {', '.join(SIX)} from marts.structure_performance")
    assert wide == (10, 11, 12, 13, 14, 15)
    tall = odd.rows(
        "select benchmark, score, n_results from marts.benchmark_scores "
        "where model_id = 'odd/best' order by score"
    )
    assert tall == [(name, 10 + step, 6) for step, name in enumerate(SIX)]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("odd/flagged", "flagged_by_leaderboard"),
        ("odd/too-high", "scores_missing"),
        ("odd/one-missing", "scores_missing"),
        ("odd/no-json", "not_imputable"),
        ("odd/no-heads", "structure_missing"),
    ],
)
def test_candidates_left_out_have_a_reason(odd: Warehouse, model: str, reason: str) -> None:
    assert odd.reasons(model, "structure_performance") == [("", reason)]


def test_inverted_flags_of_the_first_leaderboard_are_set_right(odd: Warehouse) -> None:
    assert evaluation(odd, "odd/flagged", "is_flagged") is True
    assert evaluation(odd, "odd/unflagged", "is_flagged") is False
    assert evaluation(odd, "odd/merge", "is_merged") is True
    assert evaluation(odd, "odd/unflagged", "is_merged") is False
    moe = "select is_moe from marts.models where model_id = ?"
    assert odd.one(moe, "odd/moe") == (True,)
    assert odd.one(moe, "odd/unflagged") == (False,)


def test_symbols_and_texts_tell_the_training_and_unknown_ones_nothing(odd: Warehouse) -> None:
    told = {
        model: evaluation(odd, f"odd/{model}", "(training_type, training_type_source)")
        for model in ("merge", "unflagged", "text-only", "symbol-against-text")
    }
    assert told == {
        "merge": ("merge", "symbol"),
        "unflagged": (None, None),
        "text-only": ("continuously pretrained", "text"),
        "symbol-against-text": ("pretrained", "symbol against text"),
    }
    shown = evaluation(odd, "odd/symbol-against-text", "(type_symbol, type_text)")
    assert shown == ("🟢", "🔶 fine-tuned on domain-specific datasets")


def test_dates_are_read_in_both_forms_and_blanks_are_unknown(odd: Warehouse) -> None:
    dates = [
        str(evaluation(odd, f"odd/{name}", "evaluated_on"))
        for name in ("iso", "zulu", "blank-date", "no-date")
    ]
    assert dates == ["2023-09-15", "2023-09-15", "None", "None"]


def test_scores_outside_the_scale_are_set_aside_one_by_one(odd: Warehouse) -> None:
    v1 = "open_llm_leaderboard_v1"
    # 96.5, 97.5, …, 101.5 and -0.5, 0.5, …
    high = [("gsm8k", "score_out_of_range"), ("winogrande", "score_out_of_range")]
    assert odd.reasons("odd/too-high", v1) == high
    assert odd.reasons("odd/below-zero", v1) == [("arc_challenge", "score_out_of_range")]
    assert odd.reasons("odd/no-number", v1) == [("mmlu", "score_out_of_range")]
    assert odd.reasons("odd/high", "open_llm_leaderboard_v2") == [("bbh", "score_out_of_range")]
    kept = odd.rows(
        "select model_id, count(*) from marts.benchmark_results where model_id in "
        "('odd/too-high', 'odd/below-zero', 'odd/no-number', 'odd/high') group by all order by all"
    )
    assert kept == [
        ("odd/below-zero", 5),
        ("odd/high", 5),
        ("odd/no-number", 5),
        ("odd/too-high", 4),
    ]


def test_raw_scores_outside_the_scale_are_set_aside(odd: Warehouse) -> None:
    raw = odd.rows(
        "select benchmark from marts.benchmark_results "
        "where model_id = 'odd/raw-high' and raw_score > 100"
    )
    assert raw == []
    assert "bbh" in [field for field, _ in odd.reasons("odd/raw-high", "open_llm_leaderboard_v2")]


def test_evaluations_whose_average_is_not_that_of_their_scores_are_set_aside(
    odd: Warehouse,
) -> None:
    wrong = [("", "average_mismatch")]
    assert odd.reasons("odd/wrong-average", "open_llm_leaderboard_v1") == wrong
    assert odd.reasons("odd/v2-average", "open_llm_leaderboard_v2") == wrong
    assert evaluation(odd, "odd/rounded-average", "model_id") == "odd/rounded-average"


def test_fractions_are_set_aside_and_never_scaled(odd: Warehouse) -> None:
    for model, table in (
        ("odd/fractions", "open_llm_leaderboard_v1"),
        ("odd/v2-fractions", "open_llm_leaderboard_v2"),
        ("odd/fraction", "bigcodebench"),
    ):
        assert odd.reasons(model, table) == [("", "scores_as_fractions")]
        results = "select count(*) from marts.benchmark_results where model_id = ?"
        assert odd.one(results, model) == (0,)


def test_evaluations_dated_in_the_future_are_set_aside(odd: Warehouse) -> None:
    for model, table in (
        ("odd/future", "open_llm_leaderboard_v1"),
        ("odd/v2-future", "open_llm_leaderboard_v2"),
        ("odd/announced", "bigcodebench"),
    ):
        assert odd.reasons(model, table) == [("", "from_the_future")]
    assert odd.rows(
        "select distinct value from marts.rejected_records where reason = 'from_the_future'"
    ) == [("2999-01-01",)]


def test_failed_generations_are_flagged_and_kept(odd: Warehouse) -> None:
    zeros = (
        "select model_id, is_failed_generation from marts.{} "
        "where benchmark = 'gsm8k' and score = 0 order by all"
    )
    for mart in ("benchmark_results", "benchmark_scores"):
        assert odd.rows(zeros.format(mart)) == [("odd/failed", True), ("odd/weak", False)]


def test_contradicting_records_are_both_kept_and_the_lower_counts(odd: Warehouse) -> None:
    model = "odd/contradicted"
    mmlu = "from marts.{} where model_id = ? and benchmark = 'mmlu'"
    both = odd.rows(f"select score, is_contradicted {mmlu.format('benchmark_results')}", model)
    assert sorted(both) == [(42, True), (52, True)]
    chosen = odd.rows(f"select score, is_contradicted {mmlu.format('benchmark_scores')}", model)
    assert chosen == [(42, True)]
    aside = odd.rows(
        "select field, value from marts.rejected_records "
        "where model_id = ? and reason = 'contradicting_record' order by value",
        model,
    )
    assert aside == [(name, f"{50.0 + step}") for step, name in enumerate(SIX)]
    # Another day is another evaluation: the later one counts, and nothing is contradicted.
    later = odd.rows(
        f"select score, is_contradicted, n_results {mmlu.format('benchmark_scores')}",
        "odd/renewed-score",
    )
    assert later == [(62, False, 2)]


def test_ids_come_out_of_links(odd: Warehouse) -> None:
    assert evaluation(odd, "odd/link-only", "model_name") == "odd/link-only"
    assert evaluation(odd, "odd/linked", "model_name") == "odd/other-name"


def test_copies_within_a_batch_and_across_batches_count_once(odd: Warehouse) -> None:
    for model, table in (
        ("odd/repeated", "open_llm_leaderboard_v1"),
        ("odd/v2-repeated", "open_llm_leaderboard_v2"),
    ):
        assert odd.reasons(model, table) == [("", "duplicate_record")] * 2
        scores = "select n_results from marts.benchmark_scores where model_id = ?"
        assert odd.rows(scores, model) == [(1,)] * 6


def test_remarks_behind_an_id_flag_it(odd: Warehouse) -> None:
    flagged = [evaluation(odd, f"odd/{n}", "is_flagged") for n in ("remarked", "flag", "plain")]
    assert flagged == [True, True, False]
    assert evaluation(odd, "odd/padded", "model_id") == "odd/padded"


def test_sizes_below_one_parameter_and_odd_likes_are_unknown(odd: Warehouse) -> None:
    sizes = odd.rows(
        "select model_id, size from marts.model_structures where model_id in "
        "('odd/no-params', 'odd/zero-params', 'odd/plain')"
    )
    assert sizes == [("odd/plain", 7.242)]
    likes = odd.rows("select likes from marts.models where model_id like 'odd/%-likes'")
    assert likes == [(None,), (None,)]


def test_results_without_a_hub_id_stay_in_benchmark_results_only(odd: Warehouse) -> None:
    unnamed = odd.rows(
        "select distinct model_name from marts.benchmark_results "
        "where model_id is null order by all"
    )
    assert unnamed == [("Closed-4",), ("Elsewhere",), ("unnamed",)]
    linked = odd.rows(
        "select benchmark, score from marts.benchmark_scores "
        "where model_id = 'odd/open' order by all"
    )
    assert linked == [
        ("bigcodebench_complete", 40),
        ("bigcodebench_hard_complete", 20),
        ("bigcodebench_instruct", 30),
    ]
    assert odd.reasons("odd/unscored", "bigcodebench") == [("", "score_missing")]
    assert odd.reasons("odd/wr..ong", "bigcodebench") == [("", "invalid_model_id")]
