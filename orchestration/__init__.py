"""Dagster: the only room that knows the others."""
