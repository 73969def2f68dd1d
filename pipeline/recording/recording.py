"""The files of a render: what is needed to resume it, and one complete result at the end.

A render that is killed at any time can be resumed and produces the same bytes as one that was never
interrupted. No file is modified in place: each is written to a temporary file, flushed and renamed,
so the files in the folder always describe the progress.

    segment-A-B ...     pictures A to B - 1, encoded; ends at the maximum length or with a shot
    digest-A-B ...      SHA-256 of each segment
    pictures-A-B ...    pictures A to B - 1, not encoded, as their segment is not closed yet
    edge-N              dream layer before frame N, at the ends of a frame range: to measure seams
    state-N             checkpoint: all that frame N depends on, and a digest of the state after it
    made_of.json        fingerprint: a render with another one is not resumed
    complete.json       identifies the complete result, whatever it has been renamed to
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
"""Name of the file with the metrics of each finished frame."""
PICTURES = ("state-*", "segment-*", "digest-*", EDGES, "last", "pictures-*")
FACTS = ("progress.json", FIGURES, MADE_OF)
OURS = (*PICTURES, "whole*", "partial*", f"*{TEMPORARY}", "check-*", *FACTS)
"""Patterns of the files that only resuming needs, in the order in which they are removed.

Without a state nothing is resumed, so states come first.
"""
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
"""Patterns of names in the folder that must belong to regular files."""
OF_A_RANGE = ("segment-*", "digest-*", EDGES, FIGURES)
"""Patterns of the files of a frame range from which the video is joined."""


@dataclass(frozen=True)
class Saving:
    """Settings for how a render is saved."""

    segment_frames: int
    """Maximum number of pictures in a segment; the bytes of the result depend on it."""
    seconds: float
    """Maximum seconds of work lost if the render is killed, in addition to the current frame."""


class Recording:
    """A Recorder that saves a render in a work folder and renames its result to `output`.

    Entering it locks the folder and checks that encoding, joining, sound and tags work, and that an
    earlier render in the folder has the same fingerprint; raises UserError otherwise. Leaving it
    before `finish` keeps what is needed to resume, if there is anything. folder: work folder. None:
    that of the output. frame_range: frames of the video that are rendered; their segments are kept,
    to be joined later. None: the whole video.
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
        self._preview = Preview(partial, encoder, clip, metadata)
        self._segments = Segments(self.folder, encoder, clip, saving.segment_frames, first)
        self._digest: str | None = None  # of the state after an earlier render's newest frame
        self._count = first  # number of the next picture; an earlier render may have recorded it
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
            if pictures is not None and self._is_same_render():
                self.is_complete = True
                self._count = self._segments.first + pictures
            else:
                self._prepare()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, starts_shot: bool = False
    ) -> None:
        """Record a frame; save the state and update the preview if saving is due."""
        if self._digest is not None and digest(state) != self._digest:
            raise UserError(
                f"output: frame {before.index} must be identical to the one saved in "
                f"{printable(self.folder)}, got other bits; resume it on the machine where it was "
                "started, or set overwrite=true to start over"
            )
        self._digest, number = None, self._count
        if self._frame_range is None or before.index >= self._frame_range.first:
            self._append(pictures, starts_shot=starts_shot)
        self._unsaved, self._frames = (before, state, number), state.index
        if time.monotonic() - self._saved_at >= self.saving.seconds:
            self.save()
            self._update_preview()

    @property
    def count(self) -> int:
        """Number of pictures of the result that have been handed in so far."""
        return self._count - self._segments.first

    def save(self) -> None:
        """Save the state, so that nothing recorded so far can be lost. Raises UserError."""
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
        """Use these segments, in which other jobs have recorded all pictures. Raises UserError."""
        with disk_errors(self.folder):
            self._segments.adopt(segments)
        self._count = self._segments.count

    def stop(self) -> str:
        """Save, write a preview of all pictures, and return the line that says how to resume.

        Raises UserError.
        """
        self.save()
        with disk_errors(self.folder):
            self._segments.resume()
            segments = self._segments.all()
        line = f"stopped after frame {self._frames}"
        if segments:
            self._preview.make(segments, self._segments.count - self._segments.first)
            line += f", the result so far is {printable(self._preview.path)}"
        return f"{line}; run the same command again to resume"

    def finish(self, rest: Iterable[Picture] = ()) -> None:
        """Record the last pictures, join all segments, and rename the result to `output`."""
        self.save()
        self.fingerprint.check()  # the sound is read from them now
        self._append(rest)
        if self._frame_range is not None:
            with disk_errors(self.folder):
                self._segments.close()
        joined = self.folder / f"whole{self.output.suffix}"
        with disk_errors(self.folder):
            remove(joined)
            self.encoder.join(self._segments.all(), joined, self.clip, self.metadata)
            mark_complete(self.folder, joined, self.count)
            if self.output.is_dir():
                # A folder cannot be renamed over another: remove it once the new one is complete.
                shutil.rmtree(self.output)
            joined.replace(self.output)
            fsync(self.output.parent)
        self.is_complete = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            # `stop` has saved the state, unless a second Ctrl-C asked to end at once
            if not self.is_complete and kind is not KeyboardInterrupt:
                with suppress(UserError):
                    self.save()
            self._segments.stop()
            if self.is_complete or not self._states():
                self._clean_up()
                internal_error = isinstance(error, Exception) and not isinstance(error, UserError)
                if self._is_new and not self.is_complete and not internal_error:
                    remove(self.folder)  # after an internal error, keep the log
        if not self._states():
            remove(self.folder / COMPLETE)  # removed last: it marks the output as complete

    def _is_same_render(self) -> bool:
        """Return whether the complete output has this fingerprint, or none is stored.

        Raises UserError.
        """
        fingerprint = self.folder / MADE_OF
        return not fingerprint.exists() or self.fingerprint.can_resume(
            fingerprint, overwrite=self.overwrite
        )

    def _prepare(self) -> None:
        """Resume an earlier render or remove what it left, after checking that rendering will work.

        Raises UserError.
        """
        for pattern in (f"*{TEMPORARY}", "check-*"):
            for temporary in self.folder.glob(pattern):
                remove(temporary)  # left by killed processes: this one holds the lock
        fingerprint = self.folder / MADE_OF
        if not self._states() or not self.fingerprint.can_resume(
            fingerprint, overwrite=self.overwrite
        ):
            self._clean_up()
        check_rename(self.output, self.folder)
        check_disk(self.folder, self.clip, self.saving.segment_frames)
        self.encoder.check(self.clip, self.folder, self.output.suffix)
        if self._states():
            self._resume()
        else:
            self.fingerprint.write(fingerprint)

    def _restart(self) -> None:
        """Remove what an earlier render left, and start over."""
        self._clean_up()
        self._segments.resume()  # to forget the ones that were removed
        self.fingerprint.write(self.folder / MADE_OF)

    def _resume(self) -> None:
        """Resume an earlier render, or start over if it is damaged and may be replaced.

        Raises UserError.
        """
        begin = self.state, self._digest, self._count
        try:
            self._load_state()
        except UserError as error:
            if not self.overwrite:
                raise
            log.warning("starting over: %s", str(error).partition("; ")[0])
            self.state, self._digest, self._count = begin
            self._segments.stop()
            self._restart()

    def _load_state(self) -> None:
        """Load the newest state of an earlier render; start over if a segment is damaged.

        Raises UserError.
        """
        *older, newest = self._states()
        with disk_errors(self.folder):
            for path in older:
                path.unlink()
            damaged = self._segments.find_damaged()
            if damaged is not None:
                log.warning("starting over: %s is damaged", printable(damaged))
                self._restart()
                return
            before = checkpoint.read_checkpoint(newest, self.device)
            self.state, self._digest, self._count = before.state, before.digest, before.pictures
            self._segments.resume()
        if self._segments.count < self._count:
            raise UserError(
                f"output: {printable(self.folder)} must contain the {self._count} pictures "
                f"rendered so far, got {self._segments.count}; set overwrite=true to start over"
            )
        total = "" if self.clip.count is None else f" of {self.clip.count}"
        log.info("resuming after frame %d%s", self.state.index, total)

    def _append(self, pictures: Iterable[Picture], *, starts_shot: bool = False) -> None:
        """Record these pictures, except those that an earlier render has recorded."""
        with disk_errors(self.folder):
            for picture in pictures:
                if self._count >= self._segments.count:
                    self._segments.append(picture, starts_shot=starts_shot)
                self._count += 1
                starts_shot = False

    def _update_preview(self) -> None:
        """Update the preview; warn once if the disk will be too small, while this can be fixed."""
        segments = self._segments.full()
        done = self._segments.end - self._segments.first
        self._preview.renew(segments, done)
        missing = 0 if self._warned else missing_bytes(self.folder, segments, done, self.clip.count)
        if missing:
            self._warned = True
            log.warning(
                "output: the disk of %s has about %.1f MB too little space for all frames; free "
                "some space while the render runs",
                printable(self.folder),
                missing / MB,
            )

    def _states(self) -> list[Path]:
        """Return the files of saved states, the newest last."""
        return sorted(self.folder.glob("state-*"))

    def _clean_up(self) -> None:
        """Remove the files that only resuming needs, except those that joining ranges needs too."""
        keep = OF_A_RANGE if self._frame_range is not None and self.is_complete else ()
        for pattern in OURS:
            if pattern in keep:
                continue
            for path in self.folder.glob(pattern):
                remove(path)
