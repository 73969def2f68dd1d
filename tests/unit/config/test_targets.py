"""Targets: what is said of names that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.targets import resolve_target
from pipeline.errors import UserError


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import surely_not_installed", "got ModuleNotFoundError: No module named 'surely_not_ins"),
        ("1 /", "got SyntaxError: invalid syntax"),
        ("1 / 0", "got ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    (tmp_path / "wanting.py").write_text(f"{code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError) as caught:
        resolve_target("wanting.Part", "flow._target_", ["pipeline", "wanting"])
    assert str(caught.value).startswith("flow._target_: wanting must be importable, got ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_trust_is_suggested_with_the_packages_that_are_trusted_already() -> None:
    with pytest.raises(UserError, match=r"set 'trust=\[mine,theirs\]' if you trust that package"):
        resolve_target("theirs.Part", "flow._target_", ["pipeline", "mine"])
