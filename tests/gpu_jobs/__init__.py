"""Tests of the `gpu_jobs` room; every model is built here from a configuration."""
