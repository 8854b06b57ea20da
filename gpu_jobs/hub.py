"""Fetching a model from the Hugging Face Hub, safetensors weights only."""

from pathlib import Path

from gpu_jobs.errors import ModelError, first_line

#: Files of a repository that a model needs: pickle weights are never among them.
_HUB_FILES = (
    "*.json",
    "*.jinja",
    "*.model",
    "*.txt",
    # Its header states the licence.
    "README.md",
    "model.safetensors",
    "model-*-of-*.safetensors",
)


def fetch(model_id: str, revision: str | None, remote_code: bool) -> Path:
    """Fetch a Hub model into the Hub's cache.

    Only what a safetensors model needs is fetched, and its program code only with
    `remote_code`. With HF_HUB_OFFLINE set the cache alone is looked at.

    Returns:
        The folder of the snapshot; its name is the commit.

    Raises:
        ModelError: the model or revision is missing, gated or out of reach.
    """
    from huggingface_hub import errors, snapshot_download

    where = f"{model_id} at revision {revision}" if revision else model_id
    try:
        return Path(
            snapshot_download(
                model_id,
                revision=revision,
                allow_patterns=[*_HUB_FILES, *(["*.py"] if remote_code else [])],
            )
        )
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{model_id} is gated: accept its terms on the Hub and log in with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{model_id} has no revision {revision}: check --revision.") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"There is neither a folder nor a public Hub model {model_id}: check --model, "
            "or log in with `hf auth login` if it is private."
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise ModelError(
            f"There is no folder {model_id}, the Hub cannot be reached, and its cache does not "
            f"hold {where}: go online (HF_HUB_OFFLINE unset), or give a local folder."
        ) from error
    except (errors.HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"{where} could not be fetched from the Hub ({first_line(error)}): try again later."
        ) from error
