"""What a render leaves on the disk: segments while it works, one complete file at the end."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol

from pipeline.encoder import Encoder, Writer
from pipeline.errors import UserError, shown
from pipeline.frame import Clip, Picture

NUMBERED = re.compile(r"\d+\.png")
"""A picture's name in a folder that a render made."""
FOLDER = ".render"
"""Added to the output's name: the folder that a render works in."""


def folder_of(output: Path) -> Path:
    """The folder in which the render of this output works."""
    return output.with_name(output.name + FOLDER)


class Recorder(Protocol):
    """What a render hands its pictures to."""

    def append(self, picture: Picture) -> None:
        """Record the next picture, (H, W, 3) uint8 RGB. Raises UserError if it cannot."""

    def finish(self) -> None:
        """All pictures are there: complete the output. Raises UserError."""


class Recording:
    """Takes the pictures of a render and makes them appear at `output` in one rename.

    Entered, it has made sure that the whole chain works, sound and tags included. Left before
    `finish`, it leaves nothing of the video behind. folder: where it works, None = the output's
    own. Raises UserError.
    """

    def __init__(
        self,
        output: Path,
        encoder: Encoder,
        clip: Clip,
        metadata: Mapping[str, str],
        *,
        overwrite: bool,
        folder: Path | None = None,
    ) -> None:
        self.output = output
        self.folder = folder or folder_of(output)
        self.encoder = encoder
        self.clip = clip
        self.metadata = metadata
        self.overwrite = overwrite
        self._writing = ExitStack()
        self._writer: Writer | None = None
        self._is_new = False
        self._complete = False

    def __enter__(self) -> Recording:
        check_room(self.output, overwrite=self.overwrite)
        self._is_new = not self.folder.exists()
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(
                f"output: {shown(self.folder)} must be writable, got "
                f"{error.strerror!r}; choose another folder"
            ) from error
        try:
            self.encoder.check(self.clip, self.folder, self.output.suffix)
            self._writer = self._writing.enter_context(self.encoder.open(self._segment, self.clip))
        except BaseException:
            self._clear()
            raise
        return self

    def append(self, picture: Picture) -> None:
        """Record the next picture, (H, W, 3) uint8 RGB."""
        assert self._writer is not None
        self._writer.write(picture)

    def finish(self) -> None:
        """Close the last segment, join all, and rename the result to `output`."""
        assert self._writer is not None
        self._writing.close()
        remove(self._whole)
        self.encoder.join([self._segment], self._whole, self.clip, self.metadata)
        if self.output.is_dir():
            # A folder cannot be renamed over another one: the old goes only when the new is whole.
            shutil.rmtree(self.output)
        self._whole.replace(self.output)
        self._complete = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._writing.__exit__(kind, error, trace)
        finally:
            if self._complete:
                self._segment.unlink(missing_ok=True)
            else:
                ours = isinstance(error, Exception) and not isinstance(error, UserError)
                self._clear(keep_log=ours)

    def _clear(self, *, keep_log: bool = False) -> None:
        """Leave nothing of this render, but what lay in the folder before.

        keep_log: leave the folder too, with the log that tells of a fault of ours.
        """
        if self._is_new and not keep_log:
            remove(self.folder)
        else:
            remove(self._segment)
            remove(self._whole)

    @property
    def _segment(self) -> Path:
        return self.folder / "segment-0"

    @property
    def _whole(self) -> Path:
        return self.folder / f"whole{self.output.suffix}"


def check_room(output: Path, *, overwrite: bool) -> None:
    """Nothing, if a render may put its result there. Raises UserError.

    A folder is replaced only if an earlier render made it: anything else in it would be lost.
    """
    if not output.parent.is_dir():
        raise UserError(f"output: its folder must exist, got {shown(output.parent)}; make it first")
    if not os.path.lexists(output):
        return
    if not overwrite:
        raise UserError(
            f"output: must not exist yet, got {shown(output)}; name another or say overwrite=true"
        )
    if output.is_dir():
        others = (entry for entry in output.iterdir() if not NUMBERED.fullmatch(entry.name))
        if (other := next(others, None)) is not None:
            raise UserError(
                f"output: must hold nothing but an earlier render's pictures to be replaced, got "
                f"{shown(other)}; name another folder"
            )


def remove(path: Path) -> None:
    """Remove the file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
