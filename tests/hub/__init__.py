"""A Hugging Face Hub on loopback, for tests and by hand (`python -m tests.hub --help`).

```python
with HubServer(models=2000, tier="pro", window=2) as hub:
    hub.add_model("acme/tiny", {"model_type": "llama"}, downloads=5)
    hub.add_fault("status", "/config.json", status=503, probability=0.1)
    crawl(endpoint=hub.url, token=hub.token)
    assert hub.counters()["resolvers"]["refused"] == 0
```

`HubServer` runs in a thread, `HubProcess` in a process of its own; `control.Control` lists what
tests can do to either.
"""

from tests.hub.server import ORG, TOKEN, USER, HubProcess, HubServer

__all__ = ["ORG", "TOKEN", "USER", "HubProcess", "HubServer"]
