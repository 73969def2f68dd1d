"""The output path of a render: its default, and checks that no input is overwritten."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.encoder import Encoder
from pipeline.errors import UserError, printable
from pipeline.frame import Clip
from pipeline.image_io.suffixes import SUFFIXES
from pipeline.recording.output import check_output_free
from pipeline.storage.work_dir import FOLDER, work_dir


def default_output(
    name: Path | None,
    encoder: Encoder,
    clip: Clip,
    folder: Path | None,
    *,
    several: bool = False,
) -> Path:
    """Return the output path if the user gave none.

    It is dream.SUFFIX in the folder of a sweep's job or if there is no input file, else named after
    the input. name: path of the input, or None. folder: folder of the job, or None. several:
    whether the input is several stills, whose results go to a folder.
    """
    single = clip.count == 1 and ".png" in encoder.suffixes
    suffix = "" if several else ".png" if single else encoder.suffixes[0]
    if folder is not None or name is None:
        return (folder or Path()) / f"dream{suffix}"
    # dots in the name of a folder are no suffix; "." has a name only once it is resolved
    stem = name.resolve().name if name.is_dir() else re.sub(r"%0?\d*d", "", name.stem)
    stem = stem.strip("_-. ") or "dream"
    if not suffix:  # a folder, whose name must not seem to have a suffix
        return Path(f"{stem.replace('.', '-')}-dream")
    return Path(f"{stem}.dream{suffix}")


def check_output(output: Path, sources: Mapping[str, Path], *, overwrite: bool) -> None:
    """Raise UserError if the output cannot be written, or would overwrite something that is read.

    sources: files that are read, by the names of their settings.
    """
    if output.is_symlink() and output.is_dir():
        raise UserError(
            f"output: must not be a link to a folder, got {printable(output)}; set output to a "
            "file, or to the folder itself"
        )
    for key, source in sources.items():
        if work_dir(output).resolve() in source.resolve().parents:
            raise UserError(
                f"{key}: must not be in the work folder of the render, got {printable(source)}; "
                f"move it out of {printable(work_dir(output))}, or choose another output"
            )
        if output.exists() and _overwrites(output, source):
            raise UserError(
                f"output: must not be the {key}, got {printable(output)}; choose another name"
            )
    if len(work_dir(output).name.encode()) > 255:
        raise UserError(
            f"output: must have a name of at most {255 - len(FOLDER)} bytes, got "
            f"{len(output.name.encode())} bytes; use a shorter one"
        )
    check_output_free(output, work_dir(output), overwrite=overwrite)


def _overwrites(output: Path, source: Path) -> bool:
    """Return whether writing the output would overwrite the source, or one of its pictures."""
    if source.exists() and output.samefile(source):
        return True
    if output.is_dir():
        return output.resolve() in source.resolve().parents
    pictures = source if source.is_dir() else source.parent
    several = source.is_dir() or "%" in source.name
    return (
        several and output.suffix.lower() in SUFFIXES and output.resolve().parent.samefile(pictures)
    )
