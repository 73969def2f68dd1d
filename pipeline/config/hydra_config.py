"""The yaml files in conf/, the choices among them, and Hydra's errors as messages for the user."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from pipeline.config.conf_dir import config_dir
from pipeline.config.documentation import STAGES
from pipeline.config.launchers import missing_extra
from pipeline.config.plain_data import check_calls, check_single
from pipeline.config.preset_rules import Schema
from pipeline.config.synonyms import near_choice, near_setting
from pipeline.errors import UserError, printable
from pipeline.sweep.override_grammar import quote

# Stages are built in this order, so that cheap checks come before the network is loaded.
CONSTANT_GROUPS = ("source", "cuts", "flow", "anchors", "encoder")
SCHEDULABLE_GROUPS = tuple(group for group in STAGES if group not in (*CONSTANT_GROUPS, "model"))
"""Groups whose numbers may be schedules."""

MEANINGS = (
    (  # the name of this choice is part of a file name in conf/quality/
        r"Error resolving interpolation '.*\$\{(\w+)\}.*', possible .* keys: (?!.*\b\1\b)",
        "{0}: must be one choice, got none or several; set {0}=CHOICE, and remove ~{0} if it is "
        "in the command",
    ),
    (
        r"Could not delete from config\. '([^']+)'",
        "{0}: must exist to be removed, got no such setting; remove ~{0} from the command",
    ),
    (
        r"Error merging override ([\w.]+)=(.*)",
        "{0}: must be a value of the type that --help {0} shows, got {1}; set such a value",
    ),
    (
        r"Multiple values for (\S+)\. To",
        "{0}: must not be added, as it has a choice already, got +{0}; set {0}=CHOICE, without "
        "the +",
    ),
    (
        r"In '(?:(\w[\w/]*)/)?(\w+)': (?:ConfigTypeError|ValidationError) raised while composing",
        "{0}={1}: must set each setting to a value of its type, got another; correct its file",
    ),
    (
        r"Could not append to config\. An item is already at '([^']+)'",
        "{0}: must not be added, as it exists already, got +{0}; set {0}=VALUE, without the +",
    ),
    (
        r"force-add of config groups is not supported: '\+\+([^=']+)",
        "{0}: must not be added, as it is a choice, got ++{0}; set {0}=CHOICE, without the ++",
    ),
)
"""Pattern of an error message from Hydra -> the message for the user."""


def yaml_of(group: str, choice: str) -> dict[str, Any]:
    """Return the content of conf/GROUP/CHOICE.yaml; empty if there is no such file."""
    path = config_dir() / group / f"{choice}.yaml"
    defaults: Any = OmegaConf.to_container(OmegaConf.load(path)) if path.exists() else {}
    return dict(defaults)


@cache
def top_level_defaults() -> Mapping[str, Any]:
    """Return the settings in config.yaml that belong to no group, unresolved.

    Cached, because it is used several times and reading the file takes 13 ms.
    """
    config: Any = OmegaConf.to_container(OmegaConf.load(config_dir() / "config.yaml"))
    return {key: value for key, value in config.items() if key not in ("defaults", "hydra")}


def choice_of(group: str, choices: Mapping[str, str]) -> str:
    """Return the name of the group's choice. Raises UserError if a list was given instead."""
    if group not in choices:
        raise UserError(f"{group}: must be one choice, got a list; set {group}=CHOICE")
    return str(choices[group])


def check_keys(cfg: DictConfig) -> None:
    """Raise UserError unless cfg has exactly the keys of config.yaml, and a choice for each group.

    Nothing else checks which keys + and ~ added or removed. Also refuses calls of resolvers, lists
    and mappings with references, and a `from` or `from_parseq` not given on the command line.
    """
    known = {*STAGES, *top_level_defaults()}
    for key in map(str, cfg):
        if key not in known:
            raise UserError(unknown_setting(key, _known()))
    for key in sorted(known - set(map(str, cfg))):
        raise UserError(f"{key}: must exist, got ~{key}; remove that from the command")
    plain: Any = OmegaConf.to_container(cfg)
    for key, value in (("from", "RESULT"), ("from_parseq", "FILE")):
        if plain[key] is not None:
            raise UserError(
                f"{key}: must be set as {key}={value} on the command line, got another form; set "
                f"{key}={value}"
            )
    check_calls(plain)
    for key in top_level_defaults():
        check_single(key, plain[key])
    for group in STAGES:
        if not isinstance(plain[group], dict) or "_target_" not in plain[group]:
            raise UserError(f"{group}: must be a choice, got none; set {group}=CHOICE")


def error_line(error: Exception) -> str:
    """Return the error as one line: key, rule, value, fix."""
    if isinstance(error, UserError):
        return str(error)
    text = re.sub(r"\s+", " ", str(error).splitlines()[0])
    if isinstance(error, MissingConfigException) and (line := _missing_choice(error)):
        return line
    if unknown := re.search(r"Could not override '([^']+)'", text):
        return unknown_setting(unknown[1], _known())
    if several := re.search(r"Ambiguous value for argument '([^=]+)=(.*)'", text):
        return _several_values(several[1], several[2])
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        return (
            f"{printable(key)}: must have balanced brackets and quotes, got {printable(value)!r}; "
            f"correct it, or, for plain text, set {shlex.quote(f'{key}={quote(value)}')}"
        )
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key}: must be set, got nothing; set {error.full_key}=VALUE"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return (
            f"{error.full_key}: must refer to existing settings, got: {text}; correct the ${{...}}"
        )
    for pattern, message in MEANINGS:
        if match := re.search(pattern, text):
            return message.format(*match.groups())
    return printable(text)


def _missing_choice(error: MissingConfigException) -> str | None:
    """Return the error line for a choice that does not exist, or a launcher not installed."""
    group, _, choice = str(error.missing_cfg_file).rpartition("/")
    if group == "hydra/launcher" and (line := missing_extra(choice)):
        return line
    if error.options is None:  # named in the defaults of another file
        return None
    fix = near_choice(group, choice, error.options)
    return f"{group}: must be one of {', '.join(error.options)}, got {printable(choice)!r}; {fix}"


def schema() -> Schema:
    """Return the schema of the packaged settings, by which presets of others are validated."""
    folder = config_dir()
    choices: dict[str, set[str]] = {}
    for path in folder.rglob("*.yaml"):
        group = path.parent.relative_to(folder).as_posix()
        if group != "." and not group.startswith("hydra"):
            choices.setdefault(group, set()).add(path.stem)
    keys = {
        group: frozenset(str(key) for name in choices[group] for key in yaml_of(group, name))
        for group in STAGES
    }
    group_choices = {group: frozenset(names) for group, names in choices.items()}
    return Schema(group_choices, keys, frozenset(top_level_defaults()))


def _known() -> dict[str, list[str]]:
    """Return every key that can be set -> the choices that have it, in the form GROUP=CHOICE.

    The key of a group is mapped to all its choices, a key that belongs to no group to none.
    """
    folder = config_dir()
    known: dict[str, list[str]] = {key: [] for key in top_level_defaults()}
    known |= {f"limits.{key}": [] for key in top_level_defaults()["limits"]}
    for path in sorted(folder.glob("*/*.yaml")):
        group, choice = path.parent.name, path.stem
        known.setdefault(group, []).append(f"{group}={choice}")
        for key in OmegaConf.load(path):
            if not str(key).startswith("_"):
                known.setdefault(f"{group}.{key!s}", []).append(f"{group}={choice}")
    return known


def _several_values(key: str, values: str) -> str:
    """Return the error line for values separated by commas outside of a sweep."""
    fix = "add -m to render each of them"
    if "." in key or key in top_level_defaults():
        group, _, rest = key.partition(".")
        files = (config_dir() / group).glob("*.yaml")
        defaults = [yaml_of(group, path.stem).get(rest) for path in files] or [
            top_level_defaults().get(key)
        ]
        if any(isinstance(default, list) for default in defaults):
            fix += f", or set {shlex.quote(f'{key}=[{values}]')} for a list"
        return f"{key}: must be one value, got {values}; {fix}"
    return f"{key}: must be one choice, got {values}; {fix}"


def unknown_setting(key: str, known: Mapping[str, Sequence[str]]) -> str:
    """Return the error line for an unknown key: similar keys, or the choices that have it.

    known: every key -> the choices that have it, and every group -> its choices, in the form
    GROUP=CHOICE.
    """
    group = key.partition(".")[0]
    choices = " or ".join(known.get(key, ()))
    if choices and key == group:
        return f"{key}: must be the name of a choice, got something else; set {choices}"
    if choices:
        return f"{key}: is not a setting of the chosen {group}; to use it, set {choices}"
    return f"{printable(key)}: is not a setting; {near_setting(key, known)}"
