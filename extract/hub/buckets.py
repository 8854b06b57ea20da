"""Models in a fixed number of buckets, so that their configs can be fetched part by part."""

import zlib

_COUNT = 16
#: Names of the buckets. A model stays in its bucket for good: what was fetched is noted by model,
#: so that another number of buckets would lose nothing but Dagster's view of past partitions.
BUCKETS = tuple(f"{number:02d}" for number in range(_COUNT))


def bucket_of(model_id: str) -> str:
    """Return the name of a model's bucket."""
    return BUCKETS[zlib.crc32(model_id.encode()) % _COUNT]
