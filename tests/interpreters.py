"""What the tests leave out when they run on a second interpreter, after all of them have run on the first."""

from __future__ import annotations

from typing import Final

import pytest

SECOND_INTERPRETER: Final = "second interpreter"
"""The profile of hypothesis that says so."""


def is_second_interpreter(config: pytest.Config) -> bool:
    return bool(config.getoption("hypothesis_profile", None) == SECOND_INTERPRETER)
