"""Where a render writes, and whether it may."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.encoder import Encoder
from pipeline.errors import UserError, printable
from pipeline.frame import Clip
from pipeline.image_io.suffixes import SUFFIXES
from pipeline.recording.output import check_output_free
from pipeline.storage.work_dir import work_dir


def default_output(
    name: Path | None,
    encoder: Encoder,
    clip: Clip,
    folder: Path | None,
    *,
    several: bool = False,
) -> Path:
    """Return where to write when the user did not say: dream.SUFFIX in a sweep's folder, else by
    input.

    name: of the input; None = there is none. several: for stills, each a file in a folder.
    """
    single = clip.count == 1 and ".png" in encoder.suffixes
    suffix = "" if several else ".png" if single else encoder.suffixes[0]
    if folder is not None or name is None:
        return (folder or Path()) / f"dream{suffix}"
    # a folder's dots are no suffix, and "." has a name only where it lies
    stem = name.resolve().name if name.is_dir() else re.sub(r"%0?\d*d", "", name.stem)
    stem = stem.strip("_-. ") or "dream"
    if not suffix:  # a folder, which must not look as if it had one
        return Path(f"{stem.replace('.', '-')}-dream")
    return Path(f"{stem}.dream{suffix}")


def check_output(output: Path, sources: Mapping[str, Path], *, overwrite: bool) -> None:
    """Check that the output may be written without loss of what is read. Raises UserError.

    sources: the files that are read, by the setting that names them.
    """
    if output.is_symlink() and output.is_dir():
        raise UserError(
            f"output: must not be a link to a folder, got {printable(output)}; name a file, or the "
            "folder itself"
        )
    for key, source in sources.items():
        if work_dir(output).resolve() in source.resolve().parents:
            raise UserError(
                f"{key}: must not be a file of the render itself, got {printable(source)}; move it "
                f"out of {printable(work_dir(output))}, or name another output"
            )
        if output.exists() and _holds(output, source):
            raise UserError(
                f"output: must not be the {key}, got {printable(output)}; name another file"
            )
    if len(work_dir(output).name.encode()) > 255:
        raise UserError(
            f"output: must leave room for the ending of its work folder, got a name of "
            f"{len(output.name.encode())} bytes; use at most 248"
        )
    check_output_free(output, work_dir(output), overwrite=overwrite)


def _holds(output: Path, source: Path) -> bool:
    """Return whether writing the output again would take the source away, or a picture of it."""
    if source.exists() and output.samefile(source):
        return True
    if output.is_dir():
        return output.resolve() in source.resolve().parents
    pictures = source if source.is_dir() else source.parent
    several = source.is_dir() or "%" in source.name
    return (
        several and output.suffix.lower() in SUFFIXES and output.resolve().parent.samefile(pictures)
    )
