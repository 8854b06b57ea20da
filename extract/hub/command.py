"""What the command lines that ask the Hub have in common."""

import sys
from collections.abc import Callable

from extract.hub.errors import Stopped
from extract.hub.hub import Hub
from modelstrata.errors import ModelstrataError
from modelstrata.settings import HubSettings, Settings

#: Seconds without any answer until a crawl gives up.
PATIENCE_S = 600.0


def connect(patience_s: float = PATIENCE_S, seed: int = 0) -> Hub:
    """Return the Hub of HF_ENDPOINT, to be asked with HF_TOKEN.

    Args:
        patience_s: seconds without any answer until the crawl gives up.
        seed: of the random part of waits.

    Raises:
        SettingsError: one of the two cannot be used.
    """
    read = HubSettings.read()
    return Hub(read.endpoint, read.token.get_secret_value(), patience_s, seed)


def run(work: Callable[[Settings, Hub], int], patience_s: float, seed: int = 0) -> int:
    """Do the work of a command line, which SIGINT and SIGTERM end where nothing is lost.

    Returns:
        What the work returns, 1 after an `error:` line on stderr, or 130 when stopped.
    """
    try:
        settings, hub = Settings(), connect(patience_s, seed)
        hub.stop_on_signals()
        return work(settings, hub)
    except (Stopped, KeyboardInterrupt):
        print(Stopped(), file=sys.stderr)
        return 130
    except ModelstrataError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
