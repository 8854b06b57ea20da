"""A tiny model that layer jobs measure, and the settings of a user who measures it."""

from pathlib import Path

import pytest

from tests.gpu_jobs import hub_data, tiny

NAME = "tests/tiny-llama"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny model with eight layers."""
    settings = {"num_hidden_layers": 8, "max_position_embeddings": 512}
    made = tiny.build("llama", **settings, tie_word_embeddings=False)
    return tiny.save(made, tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def told(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of a user who measures the tiny model on tiny evaluation data."""
    folder = tmp_path_factory.mktemp("evaluation")
    texts = tiny.write_texts(folder / "two_lines.jsonl", ["the other", "a"])
    return {
        "MODELSTRATA_GPU_MODEL": str(model),
        "MODELSTRATA_GPU_MODEL_ID": NAME,
        "MODELSTRATA_GPU_TEXTS": str(texts),
        "MODELSTRATA_GPU_DEVICE": "cpu",
        "MODELSTRATA_EVAL_DATA": str(hub_data.write(folder / "data")),
        "HF_DATASETS_CACHE": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
    }
