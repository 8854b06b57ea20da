"""The key that a study's results are filed under."""

from ml.study import Cell, result_key


def test_keys_differ_with_input_code_and_configuration() -> None:
    study = [Cell("random_forest", "mmlu", "key", "random", "exact")]
    other = [Cell("random_forest", "mmlu", "key", "random", "exact", seed=7)]
    keys = {
        result_key("input", "code", study),
        result_key("input 2", "code", study),
        result_key("input", "code 2", study),
        result_key("input", "code", other),
    }
    assert len(keys) == 4
    assert result_key("input", "code", list(study)) in keys
