"""docs/development/benchmarks.md: its tables are those of the newest results."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import benchmark_tables
import pytest
from benchmark_tables import origin, updated
from benchmarks.tables import TABLES
from helpers.bench_results import EXAMPLES

from pipeline.errors import UserError

ROOT = Path(__file__).parents[2]
RUN: dict[str, Any] = {
    "facts": {
        "cpu": "AMD EPYC",
        "cores": 2.0,
        "device": "cpu: AMD EPYC, AVX512, bfloat16",
        "torch": "2.14.1+cpu",
        "dreamreel": "0.1.0",
        "commit": "b6b47a2+",
        "date": "2026-11-29",
    },
    "results": EXAMPLES["startup"][0],
    "checks": {},
}
EMPTY = "# Figures\n\n<!-- begin startup -->\n<!-- end startup -->\n\nMore text.\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with the results of one benchmark."""
    (tmp_path / "startup.json").write_text(json.dumps(RUN))
    return tmp_path


def test_the_tables_of_the_documentation_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "benchmark_tables.py"), "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_marker_of_the_documentation_has_its_results_and_the_other_way_round() -> None:
    names = re.findall(r"^<!-- begin (\S+) -->$", benchmark_tables.PAGE.read_text("utf-8"), re.M)
    assert sorted(names) == sorted(path.stem for path in benchmark_tables.RESULTS.glob("*.json"))
    assert {*names} <= {*TABLES}


def test_a_table_stands_between_its_markers_below_its_origin(results: Path) -> None:
    page = updated(EMPTY, results)
    before, line, *rows, after = re.split(r"\n\n", page.strip())
    assert (before, after) == ("# Figures", "More text.")
    assert line == "<!-- begin startup -->"
    assert rows[0] == (
        "Commit `b6b47a2+`, measured on 2026-11-29: AMD EPYC, AVX512, bfloat16, 2 cores, "
        "torch 2.14.1+cpu."
    )
    assert rows[1] == TABLES["startup"](EXAMPLES["startup"][0])
    assert rows[2] == "<!-- end startup -->"
    assert updated(page, results) == page
    (results / "startup.json").write_text(
        json.dumps(RUN | {"results": EXAMPLES["startup"][0] | {"TAB": 0.25}})
    )
    assert updated(page, results) == page.replace("| TAB completion | 0.19 |",
                                                  "| TAB completion | 0.25 |")  # fmt: skip


def test_the_origin_names_the_gpu_and_without_a_commit_the_version() -> None:
    facts = RUN["facts"] | {"device": "cuda: NVIDIA H200", "commit": None, "cores": 1.5}
    assert origin(facts) == (
        "Version 0.1.0, measured on 2026-11-29: AMD EPYC, 1.5 cores, NVIDIA H200, torch 2.14.1+cpu."
    )


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("# Figures\n", r"startup\.json: must have a place in the page"),
        (EMPTY + EMPTY.replace("startup", "step"), r"step\.json: must exist"),
        (EMPTY + EMPTY, "startup: must begin once in the page, got 2"),
        ("<!-- begin startup -->\n", "must be followed by <!-- end NAME -->, got begin startup"),
        ("<!-- end startup -->\n", "startup: must begin once in the page, got 0"),
    ],
)
def test_markers_without_results_and_results_without_markers_are_refused(
    results: Path, page: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        updated(page, results)


@pytest.mark.parametrize("run", [EXAMPLES["startup"][0], RUN | {"results": {"--help": 0.8}}])
def test_results_in_another_form_are_refused(results: Path, run: object) -> None:
    (results / "startup.json").write_text(json.dumps(run))
    with pytest.raises(UserError, match=r"^startup\.json: must be written by the present bench"):
        updated(EMPTY, results)


def test_the_tables_are_written_without_torch() -> None:
    code = "import sys, benchmark_tables; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "scripts",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "torch" not in ran.stdout.split()
