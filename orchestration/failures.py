"""Failures as people should read them: one clear sentence, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings


@contextmanager
def clear_failures(settings: Settings) -> Iterator[None]:
    """Turn an expected error inside a step into a Dagster failure that is not retried."""
    try:
        yield
    except ModelstrataError as error:
        raise dg.Failure(
            description=str(error),
            metadata={"data_folder": str(settings.data)},
            allow_retries=False,
        ) from error
