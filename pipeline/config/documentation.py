"""The documentation of every setting, read from the comments in `conf/` and the types in the code.

The code is parsed, never imported: `--help` must not load torch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from pipeline.config.conf_dir import config_dir
from pipeline.config.plain_data import REFERENCE

STAGES = (
    "source",
    "cuts",
    "flow",
    "anchors",
    "camera",
    "warp",
    "governor",
    "dreamer",
    "objective",
    "model",
    "encoder",
)
"""Groups of settings that configure a stage, in the order of a frame."""
PRESETS = ("recipe", "quality", "look", "experiment")
"""Groups whose choices change settings of other groups."""
TYPES = {
    "int": "integer",
    "float": "number",
    "FiniteFloat": "number",
    "Fraction": "number or fraction",
    "bool": "true or false",
    "str": "text",
    "Path": "file",
}
"""Names of types in annotations, and what they are called in the documentation."""


@dataclass(frozen=True)
class Setting:
    """One setting."""

    key: str
    """As it is written on the command line: "dreamer.octaves"."""
    default: str
    """Its default as it is written on the command line; =KEY: that of KEY; empty: not set."""
    meaning: str
    """Its effect, unit and range."""
    type: str
    """Its type and the range that is checked, in words; empty: only `meaning` states them."""


@dataclass(frozen=True)
class Choice:
    """One choice of a group: a file `conf/GROUP/NAME.yaml`."""

    group: str
    """The group."""
    name: str
    """The choice, as in GROUP=NAME."""
    summary: str
    """One sentence that describes it."""
    settings: tuple[Setting, ...]
    """Its own settings; of a preset, the settings of other groups that it changes."""


@cache
def general_settings() -> tuple[Setting, ...]:
    """Return the settings of config.yaml that belong to no group."""
    text = (config_dir() / "config.yaml").read_text(encoding="utf-8")
    skipped = ("defaults", "hydra")
    return tuple(s for s in _settings(text, "", {}) if s.key.partition(".")[0] not in skipped)


def top_level_names() -> tuple[str, ...]:
    """Return the names of all groups, and of the settings that belong to no group."""
    return (*STAGES, *PRESETS, *(setting.key for setting in general_settings()))


def choice_names(group: str) -> list[str]:
    """Return the names of the choices of this group, sorted."""
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))


def choices(group: str) -> list[Choice]:
    """Return the choices of this group, sorted by name."""
    return [choice(group, name) for name in choice_names(group)]


@cache
def choice(group: str, name: str) -> Choice:
    """Return the documentation of conf/GROUP/NAME.yaml."""
    text = (config_dir() / group / f"{name}.yaml").read_text(encoding="utf-8")
    if group in PRESETS:
        settings = _settings(text, "", {})
    else:
        settings = _settings(text, f"{group}.", _types(text))
    return Choice(group, name, first_comment(text), tuple(settings))


def settings_by_key() -> dict[str, list[str]]:
    """Return every key that can be set -> the choices that have it, as GROUP=CHOICE.

    A group is mapped to all its choices, a setting that belongs to no group to none.
    """
    found: dict[str, list[str]] = {one.key: [] for one in general_settings()}
    for group in (*STAGES, *PRESETS):
        found[group] = [f"{group}={name}" for name in choice_names(group)]
    for one in (one for group in STAGES for one in choices(group)):
        for setting in one.settings:
            found.setdefault(setting.key, []).append(f"{one.group}={one.name}")
    return found


@cache
def default_choice(group: str) -> str:
    """Return the choice of this group that config.yaml makes; empty: none."""
    text = (config_dir() / "config.yaml").read_text(encoding="utf-8")
    found = re.search(rf"^  - {group}: (\w+)", text, re.MULTILINE)
    return "" if found is None or found[1] == "null" else found[1]


def first_comment(text: str) -> str:
    """Return the comment at the beginning of a yaml file, without Hydra's package header."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def as_written(node: yaml.Node) -> str:
    """Return the value of a yaml node as it is written on the command line; null is empty.

    A reference to another setting is written as =KEY.
    """
    if isinstance(node, yaml.ScalarNode):
        value = str(node.value)
        if value == "???":
            return "required"
        return "" if value in ("null", "~", "") else REFERENCE.sub(r"=\1", value)
    if isinstance(node, yaml.SequenceNode):
        return f"[{','.join(as_written(item) for item in node.value)}]"
    pairs = (f"{key.value}:{as_written(value)}" for key, value in node.value)
    return f"{{{','.join(pairs)}}}"


def _settings(text: str, prefix: str, types: Mapping[str, str]) -> Iterator[Setting]:
    """Yield the settings of a yaml file, those of nested mappings with dotted keys."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(root, yaml.MappingNode):
        yield from _of_mapping(root, text.splitlines(), prefix, types)


def _of_mapping(
    node: yaml.MappingNode, lines: list[str], prefix: str, types: Mapping[str, str]
) -> Iterator[Setting]:
    for key, value in node.value:
        name = str(key.value)
        if name.startswith("_") or name == "defaults":
            continue
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _of_mapping(value, lines, f"{prefix}{name}.", types)
            continue
        row = value.end_mark.line
        column = value.end_mark.column
        if not isinstance(value, yaml.ScalarNode) and column == 0:  # a block ends on the next line
            row, column = key.end_mark.line, key.end_mark.column
        comment = [lines[row][column:].partition("#")[2].strip()]
        for line in lines[row + 1 :]:
            # a comment in the column of the key belongs to the next setting
            if not line.lstrip().startswith("#") or line.index("#") <= key.start_mark.column:
                break
            comment.append(line.partition("#")[2].strip())
        written = prefix + name
        default, meaning = as_written(value), " ".join(comment).strip()
        if not default or default.startswith("="):
            meaning = meaning.replace("null:", "not set:")
        yield Setting(written, default, meaning, types.get(name, ""))


def _types(text: str) -> dict[str, str]:
    """Return the types of the parameters of all `_target_`s in a yaml file, by parameter."""
    found: dict[str, str] = {}
    for target in re.findall(r"_target_: ([\w.]+)", text):
        module, _, name = target.rpartition(".")
        found = {**_parameters(module, name), **found}
    return found


@cache
def _parameters(module: str, name: str) -> Mapping[str, str]:
    """Return parameter -> type in words, of a class or function of the package."""
    relative = Path(*module.split(".")[1:])
    package = Path(__file__).resolve().parent.parent
    path = package / relative.with_suffix(".py")
    if not path.exists():
        path = package / relative / "__init__.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aliases = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            inherited: dict[str, str] = {}
            for base in node.bases:
                if isinstance(base, ast.Name):
                    inherited |= _parameters(module, base.id)
            return inherited | {
                item.target.id: _in_words(item.annotation, aliases)
                for item in node.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            }
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return {
                item.arg: _in_words(item.annotation, aliases)
                for item in (*node.args.args, *node.args.kwonlyargs)
                if item.annotation is not None
            }
    return {}


def _in_words(node: ast.expr, aliases: Mapping[str, ast.expr]) -> str:
    """Return an annotation in words; empty if it says nothing to a user."""
    if isinstance(node, ast.Name):
        if node.id in aliases:
            return _in_words(aliases[node.id], aliases)
        return TYPES.get(node.id, "")
    if isinstance(node, ast.BinOp):  # X | None; null is in the meaning
        words = [_in_words(side, aliases) for side in (node.left, node.right)]
        return " or ".join(dict.fromkeys(word for word in words if word))
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return ""
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match node.value.id:
        case "Annotated":
            word = _in_words(inner[0], aliases)
            return f"{word}{_bounds(inner[1:])}" if word else ""
        case "Literal":
            return " or ".join(str(item.value) for item in inner if isinstance(item, ast.Constant))
        case "tuple" | "list" | "Sequence":
            word = _in_words(inner[0], aliases)
            if not word:
                return ""
            fixed = node.value.id == "tuple" and not isinstance(inner[-1], ast.Constant)
            return f"{len(inner)} values, each {word}" if fixed else f"list of {word}"
    return ""


def _bounds(metadata: list[ast.expr]) -> str:
    """Return the range that Field(ge=..., le=...) allows, in words."""
    bounds = {
        keyword.arg: ast.unparse(keyword.value).replace("_", "")
        for call in metadata
        if isinstance(call, ast.Call)
        for keyword in call.keywords
    }
    low = f"from {bounds['ge']}" if "ge" in bounds else ""
    low = f"above {bounds['gt']}" if "gt" in bounds else low
    high = f"to {bounds['le']}" if "le" in bounds else ""
    high = f"below {bounds['lt']}" if "lt" in bounds else high
    if not low and high:
        high = high.replace("to ", "at most ")
    return "".join(f" {word}" for word in (low, high) if word)
