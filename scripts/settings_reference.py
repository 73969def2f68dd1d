"""Write docs/reference/settings.md from the comments in conf/ and the types in the code.

python scripts/settings_reference.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.config.documentation import (
    PRESETS,
    STAGES,
    Choice,
    Setting,
    choices,
    default_choice,
    general_settings,
)

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
INTRODUCTION = """\
# Settings

Every setting of dreamreel, with its type, range and default. Set one with `KEY=VALUE` on the
command line; choose for a group with `GROUP=CHOICE`. `dreamreel --help KEY` prints the same text.
Numbers of `camera`, `warp`, `governor`, `dreamer` and `objective` may be
[schedules](schedules.md). A dash means that the setting is not set (set `KEY=null` to unset it),
and `=width` that it has the value of `width`.

This page is generated from the comments in `conf/` by `python scripts/settings_reference.py`.
"""


def main() -> None:
    """Write the page, or with --check exit with 1 if it is not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if stale")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE}: is not up to date; run python scripts/settings_reference.py")
        sys.exit(1)


def page() -> str:
    """Return the content of the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield "## General\n"
    yield from _table(general_settings())
    for group in STAGES:
        yield f"## {group}\n"
        yield f"Choose with `{group}=CHOICE`; the default is `{default_choice(group)}`.\n"
        for choice in choices(group):
            yield f"### {group}={choice.name}\n"
            yield f"{_escape(choice.summary)}\n"
            if choice.settings:
                yield from _table(choice.settings)
    yield "## Presets\n"
    yield "Presets change several settings at once; what the command line sets wins.\n"
    for group in PRESETS:
        yield f"### {group}\n"
        yield "| preset | what it does | settings |"
        yield "|---|---|---|"
        yield from map(_preset_row, choices(group))
        yield ""


def _table(settings: Iterable[Setting]) -> Iterator[str]:
    yield "| setting | default | meaning | type |"
    yield "|---|---|---|---|"
    for one in settings:
        default = f"`{one.default}`" if one.default else "-"
        yield f"| `{one.key}` | {default} | {_escape(one.meaning)} | {_escape(one.type)} |"
    yield ""


def _preset_row(choice: Choice) -> str:
    changed = " ".join(f"`{s.key}={s.default}`" for s in choice.settings if s.default)
    return f"| `{choice.group}={choice.name}` | {_escape(choice.summary)} | {_escape(changed)} |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
