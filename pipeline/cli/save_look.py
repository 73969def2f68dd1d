"""`dreamreel save-look NAME from=video.mp4`: the look of a result as a preset of one's own."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.cli.exit_codes import print_text
from pipeline.cli.parser import Parser
from pipeline.config.documentation import choice_names, default_choice
from pipeline.config.from_result import look_of_result
from pipeline.config.own_presets import folder
from pipeline.errors import UserError, printable
from pipeline.storage.atomic import atomic_write, disk_errors

NAME = re.compile(r"[A-Za-z]\w{0,63}")


def main(arguments: Sequence[str]) -> None:
    """Save the look. Raises UserError."""
    parsed = parser().parse_intermixed_args(arguments)
    path = save(parsed.name, Path(parsed.result.removeprefix("from=")), overwrite=parsed.y)
    print_text(f"{printable(path)}\nuse it: dreamreel INPUT look={parsed.name}")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = Parser(
        prog="dreamreel save-look",
        description="Save the look of a result: objective, model and the settings of the dreamer "
        "that shape it. Afterwards dreamreel look=NAME uses it.",
    )
    result.add_argument("name", metavar="NAME", help="letters, digits and _")
    result.add_argument(
        "result", metavar="from=RESULT", help="a video or picture, SWEEP/JOB or a recipe.yaml"
    )
    result.add_argument("-y", action="store_true", help="replace a look of that name")
    return result


def save(name: str, result: Path, *, overwrite: bool) -> Path:
    """Write the look of a result to the user's own presets and return its path.

    Raises UserError for a name that is taken or no name, for a result without settings and for a
    disk that cannot be written.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"NAME: must be letters, digits and _, got {printable(name)[:80]!r}; choose another"
        )
    if name in choice_names("look"):
        raise UserError(f"NAME: must not be one of the packaged looks, got {name}; choose another")
    look = look_of_result(result)
    path = folder() / "look" / f"{name}.yaml"
    if path.exists() and not overwrite:
        raise UserError(f"NAME: {printable(path)} exists already; add -y to replace it")
    if not any(held["settings"] or is_changed(group, held) for group, held in look.items()):
        raise UserError(
            f"from: must have a look that differs from the default, got {printable(result)}; "
            "name another result"
        )
    text = as_yaml(look, f"Saved from {printable(result.name)}.")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return path


def is_changed(group: str, held: Mapping[str, Any]) -> bool:
    """Return whether a look makes another choice for this group than the default."""
    return bool(held.get("choice", default_choice(group)) != default_choice(group))


def as_yaml(look: Mapping[str, Any], comment: str) -> str:
    """Return a preset: group -> "choice", which may be its default, and its settings by key."""
    settings: dict[str, Any] = {
        "defaults": [
            {f"override /{group}": held["choice"]}
            for group, held in look.items()
            if is_changed(group, held)
        ]
    }
    for group, held in look.items():
        if held["settings"]:
            settings[group] = held["settings"]
    body = {key: value for key, value in settings.items() if value}
    return f"# @package _global_\n# {comment}\n{yaml.safe_dump(body, sort_keys=False)}"
