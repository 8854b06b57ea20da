"""Leaderboards beside the models: `python -m extract.hub.leaderboards`.

One module a source. Each has a function `land(hub, state, batches, …)` that asks only for what has
changed since it last landed, and says in a sentence what it did.
"""
