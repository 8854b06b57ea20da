"""Assets, one module a room; each asset is thin and calls a function that knows no Dagster."""
