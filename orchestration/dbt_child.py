"""dbt as a child of a run, which ends with it: the command `modelstrata-dbt`.

A killed run releases its lock. A dbt that it had started would go on, and might open the build
file of the next run through the link `data/build/current`.
"""

from modelstrata.processes import end_with_parent


def main() -> None:
    """Run dbt's command line until the parent ends."""
    end_with_parent()
    from dbt.cli.main import cli

    cli()
