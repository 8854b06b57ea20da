"""A Hugging Face Hub on loopback, for tests and by hand (`python -m tests.hub --help`)."""

from tests.hub.server import ORG, TOKEN, USER, HubProcess, HubServer

__all__ = ["ORG", "TOKEN", "USER", "HubProcess", "HubServer"]
