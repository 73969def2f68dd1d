"""Presets of others, from the folder that --config-dir names.

They are read as plain data, validated, and registered with Hydra as data. Hydra never reads the
folder itself: it would obey package headers and defaults lists that reach its own settings,
instantiate the classes named there, call resolvers such as ${oc.env:HOME}, and expand aliases until
memory is full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.hydra_flags import FOLDER
from pipeline.config.plain_data import MAX_BYTES, RefusedError, check_events
from pipeline.config.preset_rules import Schema, check_preset
from pipeline.errors import UserError, printable
from pipeline.storage.file_names import check_name


def register(folder: Path, schema: Schema, *, name: str = FOLDER) -> None:
    """Register the presets in a folder with Hydra.

    name: of the folder, in errors. Raises UserError that names the file that is refused, and the
    reason.
    """
    check_name(name, folder)
    if not folder.is_dir():
        raise UserError(f"{name}: must be a folder, got {printable(folder)}; check the name")
    files = {
        group: sorted(path for path in (folder / group).glob("*.yaml")) for group in schema.choices
    }
    if not any(files.values()):
        raise UserError(
            f"{name}: must contain presets as GROUP/NAME.yaml, got none in {printable(folder)}; "
            "add, for example, look/NAME.yaml"
        )
    choices = {
        group: names | {path.stem for path in files[group]}
        for group, names in schema.choices.items()
    }
    for group, paths in files.items():
        for path in paths:
            try:
                package, settings = _read(path, folder, group, schema, choices)
            except RefusedError as error:
                raise UserError(f"{name}: {printable(path)} {error}") from error
            ConfigStore.instance().store(
                name=path.stem, group=group, node=settings, package=package, provider=FOLDER
            )


def unregister() -> None:
    """Remove all presets of others from Hydra's config store."""

    def remove(node: dict[str, Any]) -> None:
        for name, child in [*node.items()]:
            if isinstance(child, dict):
                remove(child)
            elif child.provider == FOLDER:
                del node[name]

    remove(ConfigStore.instance().repo)


def _read(
    path: Path,
    folder: Path,
    group: str,
    schema: Schema,
    choices: Mapping[str, frozenset[str]],
) -> tuple[str, Any]:
    """Return the package of a preset's settings, and the settings. Raises RefusedError."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise RefusedError(
            f"must be a file of at most {MAX_BYTES} bytes, got a larger one or no file; remove it"
        )
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RefusedError(
            f"must be in {printable(folder)}, got a link to another folder; replace it by a copy"
        )
    if path.stem in schema.choices[group]:
        raise RefusedError(
            f"must have another name than the choices of dreamreel, got {group}={path.stem}; "
            "rename it"
        )
    try:
        content = path.read_bytes()
        check_events(content, schema.general)
        node = OmegaConf.create(content.decode())
        held = OmegaConf.to_container(node)
        is_mapping = _is_mapping(content)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, OSError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines())
        raise RefusedError(
            f"must be valid YAML, got: {printable(reason)[:160]}; correct it"
        ) from error
    if not isinstance(held, dict) or (content.strip() and not is_mapping):
        raise RefusedError("must contain settings, KEY: VALUE, got something else; correct it")
    return check_preset(content.decode(), held, group, schema, choices), node


def _is_mapping(content: bytes) -> bool:
    """Return whether yaml is a mapping or empty. OmegaConf would take plain text for a key."""
    return isinstance(yaml.safe_load(content), dict | None)


def split_config_dir(options: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the folder that --config-dir names (None if it is not given) and all other options."""
    folder, rest, remaining = None, [], iter(options)
    for option in remaining:
        name, equals, value = option.partition("=")
        if name == FOLDER:
            folder = Path(value if equals else next(remaining, "")).expanduser()
        else:
            rest.append(option)
    return folder, rest
