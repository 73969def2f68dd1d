"""The recording of a render: all that is needed to resume it, and one complete result at the end.

A render that is killed at any time can be resumed and produces the same bytes as one that was never
interrupted. No file is modified in place: each is written to a temporary file, flushed and renamed,
so the files in the folder always describe the progress. `work_files` lists them.
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
from pipeline.image_io.writer import write_png
from pipeline.recording import work_files
from pipeline.recording.checkpoint import Checkpoint, Checkpoints, digest
from pipeline.recording.earlier_render import EarlierRender
from pipeline.recording.fingerprint import MADE_OF, Fingerprint
from pipeline.recording.mirror import backwards
from pipeline.recording.output import (
    COMPLETE,
    check_disk,
    check_files,
    check_output_free,
    check_rename,
    complete_count,
    mark_complete,
    remove,
    warn_of_small_disk,
)
from pipeline.recording.preview import Preview
from pipeline.recording.segments import Segments
from pipeline.state import State
from pipeline.storage.atomic import disk_errors, fsync
from pipeline.storage.lock import locked
from pipeline.storage.work_dir import work_dir

log = logging.getLogger(__name__)


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
    to be joined later. None: the whole video. mirrored: whether the pictures are followed by the
    same in reverse order, see `mirror`. snapshots: pictures, counted from 1, that are also written
    to the work folder.
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
        mirrored: bool = False,
        snapshots: frozenset[int] = frozenset(),
    ) -> None:
        self.output, self.folder = output, folder or work_dir(output)
        self.encoder, self.clip, self.metadata = encoder, clip, metadata
        self.overwrite, self.fingerprint = overwrite, fingerprint
        self.saving, self.device = saving, device
        self._mirrored, self._snapshots = mirrored, snapshots
        first, begin = (0, 0) if frame_range is None else (frame_range.first, frame_range.begin)
        self.state, self._frame_range = State(index=begin), frame_range
        self.is_complete = False
        self._preview = Preview(self.folder / f"partial{output.suffix}", encoder, clip, metadata)
        self._segments = Segments(self.folder, encoder, clip, saving.segment_frames, first)
        self._checkpoints = Checkpoints(self.folder)
        self._earlier = EarlierRender(
            self.folder, fingerprint, self._checkpoints, self._segments, overwrite=overwrite
        )
        self._digest: str | None = None  # of the state after an earlier render's newest frame
        self._count = first  # number of the next picture; an earlier render may have recorded it
        self._frames = 0
        self._unsaved: tuple[State, State, int] | None = None
        self._saved_at = time.monotonic()
        self._warned = self._is_new = False
        self._lock = ExitStack()

    def __enter__(self) -> Recording:
        check_output_free(self.output, self.folder, overwrite=self.overwrite)
        self._is_new = not self.folder.exists()
        check_files(self.folder, work_files.REGULAR_FILES, overwrite=self.overwrite)
        work_files.create_folder(self.folder)
        self._lock.enter_context(locked(self.folder))
        try:
            pictures = complete_count(self.folder, self.output)
            if pictures is not None and self._earlier.is_same():
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

    def missing_snapshots(self) -> list[int]:
        """Return the snapshots that were not written, because their picture was recorded before."""
        missing = (n for n in self._snapshots if not work_files.snapshot(self.folder, n).exists())
        return sorted(missing)

    def save(self) -> None:
        """Save the state, so that nothing recorded so far can be lost. Raises UserError."""
        if self._unsaved is None:
            return
        before, state, number = self._unsaved
        self.fingerprint.check()
        older = self._checkpoints.all()
        with disk_errors(self.folder):
            self._segments.sync()
            self._checkpoints.write(Checkpoint(before, digest(state), number), older)
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
        if not self._frames:
            return "stopped before the first frame was complete"
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
        if self._mirrored:
            self._append_mirrored()
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
            if self.is_complete or not self._checkpoints.all():
                is_range = self._frame_range is not None and self.is_complete
                work_files.clean_up(self.folder, work_files.RANGE_FILES if is_range else ())
                internal_error = isinstance(error, Exception) and not isinstance(error, UserError)
                if self._is_new and not self.is_complete and not internal_error:
                    remove(self.folder)  # after an internal error, keep the log
        if not self._checkpoints.all():
            remove(self.folder / COMPLETE)  # removed last: it marks the output as complete

    def _prepare(self) -> None:
        """Check that rendering will work, and resume an earlier render. Raises UserError."""
        work_files.remove_temporary(self.folder)
        self._earlier.remove_unless_resumable()
        check_rename(self.output, self.folder)
        check_disk(self.folder, self.clip, self.saving.segment_frames)
        self.encoder.check(self.clip, self.folder, self.output.suffix)
        if not self._checkpoints.all():
            self.fingerprint.write(self.folder / MADE_OF)
        elif (before := self._earlier.resume(self.device)) is not None:
            self.state, self._digest, self._count = before.state, before.digest, before.pictures
            self._frames = self.state.index
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
                if self._count in self._snapshots:
                    write_png(work_files.snapshot(self.folder, self._count), picture)

    def _append_mirrored(self) -> None:
        """Record all pictures once more, in reverse order, without the last and the first."""
        with disk_errors(self.folder):
            if self._segments.count == self._count:  # else an earlier render has come further
                self._segments.close()
            segments = self._segments.full(before=self._count)
        self._append(backwards(segments, self.encoder, self.clip))

    def _update_preview(self) -> None:
        """Update the preview; warn once if the disk will be too small, while this can be fixed."""
        segments = self._segments.full()
        done = self._segments.end - self._segments.first
        self._preview.renew(segments, done)
        if not self._warned:
            self._warned = warn_of_small_disk(self.folder, segments, done, self.clip.count)
