"""The files of a render: what is needed to resume it, and one complete result at the end.

Killed at any moment it is resumed, and every byte comes out as if it never had been killed. To
that end no file that counts is ever changed: each is written aside, flushed and renamed, and what
lies in the folder says how far the render is.

    segment-A-B ...     those from number A to before B, encoded: so many, or to the end of a shot
    digest-A-B ...      the sha256 of each of them
    pictures-A-B ...    those from number A to before B that are in no segment yet, as they are
    edge-N              of a part, the dream layer before frame N: what seams are told from
    state-N             all that frame N depends on, and what it came to
    made_of.json        what the bytes depend on: only the same is resumed
    complete.json       which file is the whole, whatever it is called by now
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import torch

from pipeline.encoder import Encoder
from pipeline.errors import UserError, printable
from pipeline.frame import Clip, Picture
from pipeline.frame_range import FrameRange
from pipeline.recording import checkpoint
from pipeline.recording.checkpoint import Checkpoint, digest
from pipeline.recording.fingerprint import MADE_OF, Fingerprint
from pipeline.recording.output import (
    COMPLETE,
    MB,
    check_disk,
    check_files,
    check_output_free,
    check_rename,
    complete_count,
    mark_complete,
    missing_bytes,
    remove,
)
from pipeline.recording.preview import Preview
from pipeline.recording.seams import EDGES
from pipeline.recording.segments import Segments
from pipeline.state import State
from pipeline.storage.atomic import TEMPORARY, disk_errors, fsync
from pipeline.storage.lock import locked
from pipeline.storage.work_dir import work_dir

log = logging.getLogger(__name__)

FIGURES = "figures.jsonl"
"""The name of the file with the figures of each frame that is done."""
PICTURES = ("state-*", "segment-*", "digest-*", EDGES, "last", "pictures-*")
FACTS = ("progress.json", FIGURES, MADE_OF)
OURS = (*PICTURES, "whole*", "partial*", f"*{TEMPORARY}", "check-*", *FACTS)
"""What only serves to resume, in the order of its removal: without a state nothing is resumed."""
FILES = (
    "lock",
    COMPLETE,
    "report.json",
    "recipe.yaml",
    "render.log",
    "trace.json",
    *PICTURES,
    *FACTS,
)
"""What in the folder is a file, never anything else."""
OF_A_RANGE = ("segment-*", "digest-*", EDGES, FIGURES)
"""What of it the whole is joined from."""


@dataclass(frozen=True)
class Saving:
    """How a render is kept."""

    segment_frames: int
    """The most pictures a segment; another number makes other bytes."""
    seconds: float
    """Of work that a kill may cost, in addition to the current frame."""


class Recording:
    """A Recorder that makes the pictures of a render appear at `output` in one rename.

    Entered, it has made sure that the whole chain works, sound and tags included, and that what an
    earlier render left is of the very same making. Left before `finish`, it keeps what is needed
    to go on, if there is any. folder: where it works, None = the output's own. frame_range: of the
    whole, which this is; its segments stay, for the whole to be joined from. Raises UserError.
    """

    def __init__(
        self,
        output: Path,
        encoder: Encoder,
        clip: Clip,
        metadata: Mapping[str, str],
        *,
        overwrite: bool,
        fingerprint: Fingerprint,
        saving: Saving,
        device: torch.device,
        folder: Path | None = None,
        frame_range: FrameRange | None = None,
    ) -> None:
        self.output, self.folder = output, folder or work_dir(output)
        self.encoder, self.clip, self.metadata = encoder, clip, metadata
        self.overwrite, self.fingerprint, self.saving, self.device = (
            overwrite,
            fingerprint,
            saving,
            device,
        )
        first, begin = (0, 0) if frame_range is None else (frame_range.first, frame_range.begin)
        self.state, self._frame_range = State(index=begin), frame_range
        self.is_complete = False
        partial = self.folder / f"partial{output.suffix}"
        self._partial = Preview(partial, encoder, clip, metadata)
        self._segments = Segments(self.folder, encoder, clip, saving.segment_frames, first)
        self._digest: str | None = None  # what the newest frame came to in an earlier render
        self._count = first  # pictures that were handed in; an earlier render may have had more
        self._frames = 0
        self._unsaved: tuple[State, State, int] | None = None
        self._saved_at = time.monotonic()
        self._warned = False
        self._lock = ExitStack()
        self._is_new = False

    def __enter__(self) -> Recording:
        check_output_free(self.output, self.folder, overwrite=self.overwrite)
        self._is_new = not self.folder.exists()
        check_files(self.folder, FILES, overwrite=self.overwrite)
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(
                f"output: {printable(self.folder)} must be writable, got "
                f"{error.strerror!r}; choose another folder"
            ) from error
        self._lock.enter_context(locked(self.folder))
        try:
            pictures = complete_count(self.folder, self.output)
            if pictures is not None and self._is_the_same():
                self.is_complete = True
                self._count = self._segments.first + pictures
            else:
                self._begin()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Record a frame, and save all that is needed to go on when it is time to."""
        if self._digest is not None and digest(state) != self._digest:
            raise UserError(
                f"output: frame {before.index} must come out as it was saved in "
                f"{printable(self.folder)}, got other bits; resume it where it was started, or set "
                "overwrite=true to start over"
            )
        self._digest, number = None, self._count
        if self._frame_range is None or before.index >= self._frame_range.first:
            self._take(pictures, starts_shot=starts_shot)
        self._unsaved, self._frames = (before, state, number), state.index
        if time.monotonic() - self._saved_at >= self.saving.seconds:
            self.save()
            self._look_ahead()

    @property
    def count(self) -> int:
        """Pictures of the result that were handed in by now."""
        return self._count - self._segments.first

    def save(self) -> None:
        """Let nothing be lost of what is recorded by now. Raises UserError."""
        if self._unsaved is None:
            return
        before, state, number = self._unsaved
        self.fingerprint.check()
        older = self._states()
        newest = self.folder / f"state-{before.index:08d}"
        with disk_errors(self.folder):
            self._segments.sync()
            checkpoint.write_checkpoint(newest, Checkpoint(before, digest(state), number))
            for path in older:
                if path != newest:
                    path.unlink()
        self._unsaved, self._saved_at = None, time.monotonic()

    def adopt(self, segments: Sequence[Path]) -> None:
        """Take these segments, in which others have recorded all there is. Raises UserError."""
        with disk_errors(self.folder):
            self._segments.adopt(segments)
        self._count = self._segments.count

    def stop(self) -> str:
        """Save, show all that is done, and end; the line that says how to go on.

        Raises UserError.
        """
        self.save()
        with disk_errors(self.folder):
            self._segments.resume()
            segments = self._segments.all()
        line = f"stopped after frame {self._frames}"
        if segments:
            self._partial.make(segments, self._segments.count - self._segments.first)
            line += f", {printable(self._partial.path)} shows what is done"
        return f"{line}; the same command resumes"

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Close the last segment, join all, and rename the result to `output`."""
        self.save()
        self.fingerprint.check()  # the sound comes from there now
        self._take(rest)
        if self._frame_range is not None:
            with disk_errors(self.folder):
                self._segments.close()
        whole = self.folder / f"whole{self.output.suffix}"
        with disk_errors(self.folder):
            remove(whole)
            self.encoder.join(self._segments.all(), whole, self.clip, self.metadata)
            mark_complete(self.folder, whole, self.count)
            if self.output.is_dir():
                # A folder cannot be renamed over another: the old one goes when the new is whole.
                shutil.rmtree(self.output)
            whole.replace(self.output)
            fsync(self.output.parent)
        self.is_complete = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            # Ctrl-C once more: what was saved by now must do
            if not self.is_complete and kind is not KeyboardInterrupt:
                with suppress(UserError):
                    self.save()
            self._segments.stop()
            if self.is_complete or not self._states():
                self._tidy()
                fault = isinstance(error, Exception) and not isinstance(error, UserError)
                if self._is_new and not self.is_complete and not fault:
                    remove(self.folder)  # after an internal error the log in it stays
        if not self._states():
            remove(self.folder / COMPLETE)  # the very last: until then all is known to be well

    def _is_the_same(self) -> bool:
        """Return whether the output that is complete is what is asked for. Raises UserError."""
        fingerprint = self.folder / MADE_OF
        return not fingerprint.exists() or self.fingerprint.can_resume(
            fingerprint, overwrite=self.overwrite
        )

    def _begin(self) -> None:
        """Take up what an earlier render left, or make sure that nothing of it is in the way."""
        for pattern in (f"*{TEMPORARY}", "check-*"):
            for temporary in self.folder.glob(pattern):
                remove(temporary)  # of those who were killed: the folder is ours
        fingerprint = self.folder / MADE_OF
        if not self._states() or not self.fingerprint.can_resume(
            fingerprint, overwrite=self.overwrite
        ):
            self._tidy()
        check_rename(self.output, self.folder)
        check_disk(self.folder, self.clip, self.saving.segment_frames)
        self.encoder.check(self.clip, self.folder, self.output.suffix)
        if self._states():
            self._go_on()
        else:
            self.fingerprint.write(fingerprint)

    def _restart(self) -> None:
        """Remove what an earlier render left."""
        self._tidy()
        self._segments.resume()  # of which there are none any more
        self.fingerprint.write(self.folder / MADE_OF)

    def _go_on(self) -> None:
        """Continue an earlier render, or restart where it is damaged and may be replaced.

        Raises UserError.
        """
        begin = self.state, self._digest, self._count
        try:
            self._take_up()
        except UserError as error:
            if not self.overwrite:
                raise
            log.warning("restarts: %s", str(error).partition("; ")[0])
            self.state, self._digest, self._count = begin
            self._segments.stop()
            self._restart()

    def _take_up(self) -> None:
        """Take up the newest state that an earlier render left. Raises UserError."""
        *older, newest = self._states()
        with disk_errors(self.folder):
            for path in older:
                path.unlink()
            damaged = self._segments.find_damaged()
            if damaged is not None:
                log.warning("%s is damaged, so all is rendered again", printable(damaged))
                self._restart()
                return
            before = checkpoint.read_checkpoint(newest, self.device)
            self.state, self._digest, self._count = before.state, before.digest, before.pictures
            self._segments.resume()
        if self._segments.count < self._count:
            raise UserError(
                f"output: {printable(self.folder)} must hold the {self._count} pictures made by "
                "now, "
                f"got {self._segments.count}; set overwrite=true to start over"
            )
        total = "" if self.clip.count is None else f" of {self.clip.count}"
        log.info("resumes after frame %d%s", self.state.index, total)

    def _take(self, pictures: Iterable[Picture], *, starts_shot: bool = False) -> None:
        """Record these pictures, but those that an earlier render has recorded."""
        with disk_errors(self.folder):
            for picture in pictures:
                if self._count >= self._segments.count:
                    self._segments.append(picture, starts_shot=starts_shot)
                self._count += 1
                starts_shot = False

    def _look_ahead(self) -> None:
        """Show what is done, and say once if the disk will not do; it may be fixed meanwhile."""
        segments = self._segments.full()
        done = self._segments.end - self._segments.first
        self._partial.renew(segments, done)
        lack = 0 if self._warned else missing_bytes(self.folder, segments, done, self.clip.count)
        if lack:
            self._warned = True
            log.warning(
                "output: %s will lack about %.1f MB for all frames; free some meanwhile",
                printable(self.folder),
                lack / MB,
            )

    def _states(self) -> list[Path]:
        """Return the states that are saved, the newest last."""
        return sorted(self.folder.glob("state-*"))

    def _tidy(self) -> None:
        """Remove what only serves to go on; of a part that is done, what the whole needs stays."""
        stay = OF_A_RANGE if self._frame_range is not None and self.is_complete else ()
        for pattern in OURS:
            if pattern in stay:
                continue
            for path in self.folder.glob(pattern):
                remove(path)
