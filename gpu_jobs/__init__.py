"""Jobs that run a model: each is a program that reads files and writes one landing Parquet.

The room imports only `modelstrata`. Orchestration starts its programs as separate processes.
"""
