"""Yields evidence under a name of ten million characters."""

from cs_helpers.checks import registry


def _named(hw, trial):
    yield "x" * 10**7, 1


object.__setattr__(registry.find("p1.tanh"), "produce", _named)
