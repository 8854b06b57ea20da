"""The dataset release: a folder of Parquet files, a data card and checksums."""
