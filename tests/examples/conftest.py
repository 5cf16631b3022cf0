"""A store, for the parts of the product that the examples are run against."""

from __future__ import annotations

from tests.api.conftest import store

__all__ = ["store"]
