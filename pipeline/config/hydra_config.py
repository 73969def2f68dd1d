"""The yaml files in conf/, what of them was chosen, and what Hydra says when it fails."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from pipeline.config.launchers import missing_extra
from pipeline.config.untrusted import Schema, check_calls, check_single
from pipeline.errors import UserError, did_you_mean, printable

# In this order they are built: what costs nothing to refuse comes before the network.
FIXED = ("source", "cuts", "flow", "encoder")
CHANGING = ("camera", "warp", "governor", "dreamer", "objective")
"""Groups whose numbers may be schedules."""
GROUPS = (*FIXED, *CHANGING, "model")

MEANINGS = (
    (  # what a quality does stands under the name of this choice
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
"""What Hydra says -> what the user can do."""


def config_dir() -> Path:
    """Return the folder of the yaml files: in the package in a wheel, beside it in a checkout."""
    here = Path(__file__).resolve().parent.parent
    return here / "conf" if (here / "conf").is_dir() else here.parent / "conf"


def yaml_of(group: str, choice: str) -> dict[str, Any]:
    """Return what conf/GROUP/CHOICE.yaml gives; of one that is not there, nothing."""
    path = config_dir() / group / f"{choice}.yaml"
    defaults: Any = OmegaConf.to_container(OmegaConf.load(path)) if path.exists() else {}
    return dict(defaults)


@cache
def top_level_defaults() -> Mapping[str, Any]:
    """Return what config.yaml gives beside its choices, nothing resolved; read once, for it is
    asked for at every start, and takes 13 ms.
    """
    whole: Any = OmegaConf.to_container(OmegaConf.load(config_dir() / "config.yaml"))
    return {key: value for key, value in whole.items() if key not in ("defaults", "hydra")}


def choice_of(group: str, choices: Mapping[str, str]) -> str:
    """Return the name of what was chosen for the group. Raises UserError if it is several."""
    if group not in choices:
        raise UserError(f"{group}: must be one choice, got a list; set {group}=CHOICE")
    return str(choices[group])


def check_keys(cfg: DictConfig) -> None:
    """Check that cfg has the keys of config.yaml: what + and ~ did is not asked elsewhere."""
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
    """Return the error as one line: key, rule, value, remedy."""
    if isinstance(error, UserError):
        return str(error)
    text = re.sub(r"\s+", " ", str(error).splitlines()[0])
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        if group == "hydra/launcher" and (line := missing_extra(choice)):
            return line
        those = ", ".join(error.options)
        fix = did_you_mean(choice, error.options, "choose one of these")
        return f"{group}: must be one of {those}, got {choice!r}; {fix}"
    if unknown := re.search(r"Could not override '([^']+)'", text):
        return unknown_setting(unknown[1], _known())
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        return f"{key}: cannot be read, got {value!r}; as plain text it is '{key}=\"{value}\"'"
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key}: must be given, got nothing; set {error.full_key}=VALUE"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: must be a value that can be resolved, got: {text}; fix the ${{}}"
    for said, meant in MEANINGS:
        if match := re.search(said, text):
            return meant.format(*match.groups())
    return printable(text)


def schema() -> Schema:
    """Return what the packaged settings are, for presets of others to be checked by."""
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
    named = {group: frozenset(names) for group, names in choices.items()}
    return Schema(named, keys, frozenset(top_level_defaults()))


def _known() -> dict[str, list[str]]:
    """Return every key that can be set, as one writes it, and the choices of its group that have
    it.
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
    """Return the line for a key that is not there: what may have been meant, or what it belongs to.

    known: every key -> the choices that have it, and every group -> its choices, as one writes
    them: dreamer=octaves.
    """
    group = key.partition(".")[0]
    choices = " or ".join(known.get(key, ()))
    if choices and key == group:
        return f"{key}: must be the name of a choice; set {choices}"
    if choices:
        return f"{key}: is no setting of this {group}; set {choices} to have it"
    return f"{key}: is not a setting; {did_you_mean(key, known)}"
