"""The output path that the settings of a render lead to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.arguments import check_suffix
from pipeline.config.hydra_config import choice_of
from pipeline.config.provenance import files
from pipeline.encoder import Encoder
from pipeline.errors import UserError, printable
from pipeline.jobs import stills
from pipeline.jobs.output_path import check_output, default_output
from pipeline.source import Source, StillCollection
from pipeline.storage.work_dir import film_path

VIDEOS = (".mp4", ".mov", ".mkv", ".webm")
"""Suffixes of results of which such a film can be made."""


def output_path_of(
    settings: Mapping[str, Any],
    source: Source | StillCollection,
    encoder: Encoder,
    choices: Mapping[str, str],
    folder: Path | None,
    *,
    overwrite: bool,
) -> Path:
    """Return the path of the output. Raises UserError, also if it would replace an input.

    settings: all settings, resolved. choices: group -> its choice. folder: the folder of a sweep's
    job, which must contain the output. None: not in a sweep.
    """
    input_files, several = files(settings), isinstance(source, StillCollection)
    if settings["output"] is None:
        input_ = input_files.get("input")
        output = default_output(input_, encoder, source.clip, folder, several=several)
    else:
        output = Path(str(settings["output"]))
        check_suffix(output, encoder.suffixes, choice_of("encoder", choices))
        if folder is not None:
            check_bare_name(output)
            output = folder / output
    if isinstance(source, StillCollection):
        stills.check_stills_output(output, source, overwrite=overwrite)
    else:
        check_output(output, input_files, overwrite=overwrite)
    return output


def check_bare_name(output: Path) -> None:
    """Raise UserError if the output of a sweep's jobs is not a name without a folder."""
    if output.name != str(output):
        raise UserError(
            f"output: must be a file name without a folder in a sweep, got {printable(output)}, "
            f"because each job has its own folder; set output={printable(output.name)}"
        )


def check_film(output: Path, *, loop: object, part: object, overwrite: bool) -> None:
    """Raise UserError if no film can be made of the result of a render, or if it exists.

    output: the result. loop, part: these settings.
    """
    kind = "a loop" if loop else "a part" if part else printable(output)
    if loop or part or output.suffix.lower() not in VIDEOS:
        raise UserError(
            f"explain: must be used with a video file that does not loop, got {kind}; "
            "set explain=false"
        )
    film = film_path(output)
    if film.exists() and not overwrite:
        raise UserError(
            f"explain: must not exist yet, got {printable(film)}; add -y to replace it and "
            f"{printable(output)}"
        )
