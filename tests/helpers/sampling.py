"""Some of many similar cases for the default run; `-m slow` takes the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

PARAM = type(pytest.param())
"""A case that was made by pytest.param: its value may be a tuple."""


def every(step: int, cases: Iterable[Any]) -> list[Any]:
    """The cases, all but each `step`-th of them marked slow."""
    return [case if index % step == 0 else _slow(case) for index, case in enumerate(cases)]


def _slow(case: Any) -> Any:
    if isinstance(case, PARAM):
        return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.slow])
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
