"""Write the release folder of the published warehouse: `python -m release`."""

import argparse
import sys

from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings
from release.folder import write_release


def main() -> int:
    """Write the release folder and print where it is."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.parse_args()
    settings = Settings()
    try:
        print(write_release(settings.warehouse, settings.releases))
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
