"""Write the tables of docs/development/benchmarks.md from the results in the folder next to it.

python scripts/benchmark_tables.py [--check]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.tables import TABLES

from pipeline.errors import UserError

PAGE = Path(__file__).parent.parent / "docs" / "development" / "benchmarks.md"
RESULTS = PAGE.with_suffix("")
"""Folder of the newest results, NAME.json each, as scripts/bench.py writes them."""
MARKER = re.compile(r"^<!-- (begin|end) (\S+) -->$", re.M)


def main() -> None:
    """Write the tables, or with --check exit with 1 if they are not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if stale")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    try:
        text = updated(page, RESULTS)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    elif page != text:
        print(f"{PAGE}: is not up to date; run python scripts/benchmark_tables.py")
        sys.exit(1)


def updated(page: str, folder: Path) -> str:
    """Return the page with the tables of the results in the folder between their markers.

    Raises UserError unless every result has its markers and every marker its result.
    """
    names = _marked(page)
    files = {path.stem: path for path in sorted(folder.glob("*.json"))}
    for name in names:
        if name not in files:
            raise UserError(
                f"{folder.name}/{name}.json: must exist, because the page has its markers; copy it "
                "from the folder of bench.py, or remove the markers"
            )
    for name, path in files.items():
        if name not in names:
            raise UserError(
                f"{folder.name}/{name}.json: must have a place in the page, got none; add the "
                f"lines <!-- begin {name} --> and <!-- end {name} -->"
            )
        page = _filled(page, name, section(path))
    return page


def section(path: Path) -> str:
    """Return what stands between the markers of these results: their origin, and the tables."""
    run = json.loads(path.read_text(encoding="utf-8"))
    try:
        return f"{origin(run['facts'])}\n\n{TABLES[path.stem](run['results'])}"
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"{path.name}: must be written by the present bench.py, got something else "
            f"({error!r}); run python scripts/bench.py {path.stem}"
        ) from error


def origin(facts: Mapping[str, Any]) -> str:
    """Return the line that says what was measured, when and where."""
    version = f"Commit `{facts['commit']}`" if facts["commit"] else f"Version {facts['dreamreel']}"
    kind, _, device = facts["device"].partition(": ")  # a CPU with its vector instructions
    cpu, gpu = (device, "") if kind == "cpu" else (facts["cpu"], f", {device}")
    machine = f"{cpu}, {facts['cores']:g} cores{gpu}"
    return f"{version}, measured on {facts['date']}: {machine}, torch {facts['torch']}."


def _marked(page: str) -> list[str]:
    """Return the names in markers. Raises UserError unless each begins once and then ends."""
    markers = MARKER.findall(page)
    names = [name for kind, name in markers if kind == "begin"]
    for name in {name for _, name in markers}:
        if names.count(name) != 1:
            raise UserError(
                f"{name}: must begin once in the page, got {names.count(name)} markers; keep one"
            )
    if markers != [(kind, name) for name in names for kind in ("begin", "end")]:
        raise UserError(
            "<!-- begin NAME -->: must be followed by <!-- end NAME -->, got "
            f"{', '.join(' '.join(marker) for marker in markers)}; correct the markers"
        )
    return names


def _filled(page: str, name: str, content: str) -> str:
    """Return the page with this content between the markers of that name."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    block = f"{begin}\n\n{content}\n\n{end}"
    pattern = rf"^{re.escape(begin)}$.*?^{re.escape(end)}$"
    return re.sub(pattern, lambda _: block, page, flags=re.M | re.S)


if __name__ == "__main__":
    main()
