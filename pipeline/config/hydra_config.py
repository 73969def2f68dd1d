"""The yaml files in conf/, the choices among them, and Hydra's errors as messages for the user."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from pipeline.config.conf_dir import config_dir
from pipeline.config.launchers import missing_extra
from pipeline.config.untrusted import Schema, check_calls, check_single
from pipeline.errors import UserError, did_you_mean, printable

# Stages are built in this order, so that cheap checks come before the network is loaded.
CONSTANT_GROUPS = ("source", "cuts", "flow", "encoder")
SCHEDULABLE_GROUPS = ("camera", "warp", "governor", "dreamer", "objective")
"""Groups whose numbers may be schedules."""
GROUPS = (*CONSTANT_GROUPS, *SCHEDULABLE_GROUPS, "model")

MEANINGS = (
    (  # the name of this choice is part of a file name in conf/quality/
        r"Error resolving interpolation '\$\{quality\}_\$\{(\w+)\}'",
        "{0}: must be one choice, got none or several; set {0}=CHOICE, and leave ~{0} out",
    ),
    (r"Could not delete from config\. '([^']+)'", "{0}: is not there, so ~{0} must be left out"),
    (
        r"Error merging override ([\w.]+)=(.*)",
        "{0}: must be of the kind that it is, got {1}; leave it out, --help shows what it may be",
    ),
    (r"Multiple values for (\S+)\. To", "{0}: is chosen already; set {0}=CHOICE, without the +"),
    (
        r"In '(?:(\w[\w/]*)/)?(\w+)': (?:ConfigTypeError|ValidationError) raised while composing",
        "{0}={1}: must set each key to a value of its kind, got another; correct that file",
    ),
    (
        r"Could not append to config\. An item is already at '([^']+)'",
        "{0}: is there already, so it must have no +; set {0}=VALUE",
    ),
    (
        r"force-add of config groups is not supported: '\+\+([^=']+)",
        "{0}: is a choice, so it must have no ++; set {0}=CHOICE",
    ),
    (
        r"Ambiguous value for argument '([^=]+)=(.*)'",
        "{0}: must be one value, got {1}; write [{1}] for a list, or -m to try each",
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
    and mappings with references, and a `from` that is not given on the command line.
    """
    known = {*GROUPS, *top_level_defaults()}
    for key in map(str, cfg):
        if key not in known:
            raise UserError(f"{printable(key)}: is not a setting; {did_you_mean(key, known)}")
    for key in sorted(known - set(map(str, cfg))):
        raise UserError(f"{key}: must be there, got nothing; leave ~{key} out")
    plain: Any = OmegaConf.to_container(cfg)
    if plain["from"] is not None:
        raise UserError("from: must be said on the command line, got it elsewhere; set from=VIDEO")
    check_calls(plain)
    for key in top_level_defaults():
        check_single(key, plain[key])
    for group in GROUPS:
        if not isinstance(plain[group], dict) or "_target_" not in plain[group]:
            raise UserError(f"{group}: must be a choice, got none; set {group}=CHOICE")


def error_line(error: Exception) -> str:
    """Return the error as one line: key, rule, value, fix."""
    if isinstance(error, UserError):
        return str(error)
    text = re.sub(r"\s+", " ", str(error).splitlines()[0])
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        if group == "hydra/launcher" and (line := missing_extra(choice)):
            return line
        alternatives = ", ".join(error.options)
        fix = did_you_mean(choice, error.options, "choose one of these")
        return f"{group}: must be one of {alternatives}, got {choice!r}; {fix}"
    if unknown := re.search(r"Could not override '([^']+)'", text):
        return unknown_setting(unknown[1], _known())
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        return f"{key}: cannot be read, got {value!r}; as plain text it is '{key}=\"{value}\"'"
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key}: must be given, got nothing; set {error.full_key}=VALUE"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: must be a value that can be resolved, got: {text}; fix the ${{}}"
    for pattern, message in MEANINGS:
        if match := re.search(pattern, text):
            return message.format(*match.groups())
    return printable(text)


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
        for group in GROUPS
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


def unknown_setting(key: str, known: Mapping[str, Sequence[str]]) -> str:
    """Return the error line for an unknown key: similar keys, or the choices that have it.

    known: every key -> the choices that have it, and every group -> its choices, in the form
    GROUP=CHOICE.
    """
    group = key.partition(".")[0]
    choices = " or ".join(known.get(key, ()))
    if choices and key == group:
        return f"{key}: must be the name of a choice; set {choices}"
    if choices:
        return f"{key}: is no setting of this {group}; set {choices} to have it"
    return f"{key}: is not a setting; {did_you_mean(key, known)}"
