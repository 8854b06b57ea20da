"""dbt as a child of a run, which ends with it: the command `modelstrata-dbt`.

A killed run releases its lock. A dbt that it had started would go on, and might open the build
file of the next run through the link `data/build/current`.
"""

import gc

from modelstrata.processes import end_with_parent


def main() -> None:
    """Run dbt's command line until the parent ends.

    Python does not look for cycles among its objects meanwhile: nearly all live to the end, and to
    look at them again and again was 13 % of what dbt takes by itself (2.7 of 20 CPU seconds; the
    cycles left alone are 110 MB; 2026-12-01).
    """
    end_with_parent()
    gc.disable()
    from dbt.cli.main import cli

    cli()
