"""The user's own presets and defaults, in `~/.config/dreamreel` (or `$XDG_CONFIG_HOME/dreamreel`).

    look/NAME.yaml ...   presets, as in a folder that --config-dir names
    defaults.yaml        KEY: VALUE, used wherever the command line does not set KEY

They are data and checked like presets of others: they cannot name code or files to write.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.documentation import (
    PRESETS,
    STAGES,
    first_comment,
    general_settings,
    settings_by_key,
)
from pipeline.config.plain_data import MAX_BYTES, check_plain
from pipeline.config.synonyms import near_setting
from pipeline.errors import UserError, printable
from pipeline.storage.user_folders import user_folder

DEFAULTS = "defaults.yaml"


def folder() -> Path:
    """Return the folder, whether it exists or not."""
    return user_folder("XDG_CONFIG_HOME", "~/.config")


def summaries(group: str) -> list[tuple[str, str]]:
    """Return name and first comment of the user's own presets of this group, sorted."""
    found = []
    for path in sorted((folder() / group).glob("*.yaml")):
        try:
            found.append(
                (path.stem, first_comment(path.read_text(encoding="utf-8", errors="replace")))
            )
        except OSError as error:
            found.append((path.stem, f"cannot be read: {error.strerror}"))
    return found


def content(group: str, name: str) -> Mapping[str, Any]:
    """Return the content of the user's own preset; empty if there is none that can be read."""
    try:
        text = (folder() / group / f"{name}.yaml").read_bytes()[:MAX_BYTES]
        held = yaml.safe_load(text)
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def defaults(user_only: Collection[str]) -> dict[str, Any]:
    """Return the settings of defaults.yaml: a key as on the command line -> its value.

    user_only: settings that must stand on the command line. Raises UserError for a file that is
    not plain `KEY: VALUE` lines of known settings.
    """
    path = folder() / DEFAULTS
    if not path.is_file():
        return {}
    try:
        content = path.read_bytes()[: MAX_BYTES + 1]
        check_plain(content[:MAX_BYTES], f"{printable(path)}:", ())
        values = yaml.safe_load(content) if len(content) <= MAX_BYTES else "too long"
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"{printable(path)}: must be yaml, got: {printable(reason)}; correct it"
        ) from error
    if not isinstance(values, dict | None):
        raise UserError(
            f"{printable(path)}: must hold lines of KEY: VALUE, at most {MAX_BYTES} bytes, got "
            "something else; correct it"
        )
    known = {one.key for one in general_settings()} - {*user_only} | {*STAGES, *PRESETS}
    for key, value in (values or {}).items():
        group, _, rest = str(key).partition(".")
        if str(key) in user_only or group in user_only:
            raise UserError(
                f"{printable(path)}: must not set {key}, which belongs on the command line; "
                "leave it out"
            )
        if str(key) not in known and not (group in STAGES and rest):
            allowed = {
                name: with_it
                for name, with_it in settings_by_key().items()
                if name.partition(".")[0] not in user_only and name not in user_only
            }
            raise UserError(
                f"{printable(path)}: {printable(key)} is not a setting; "
                f"{near_setting(str(key), allowed)}"
            )
        scalars = value if isinstance(value, list) else [value]
        plain = all(isinstance(one, str | int | float | bool | None) for one in scalars)
        if not plain or "${" in str(value):
            raise UserError(
                f"{printable(path)}: {printable(key)} must be a plain value, got "
                f"{printable(value)[:80]}; write GROUP.KEY: VALUE"
            )
    return {str(key): value for key, value in (values or {}).items()}
