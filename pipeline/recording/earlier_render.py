"""An earlier render in the work folder: it is resumed if possible, and otherwise removed."""

from __future__ import annotations

import logging
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import torch

from pipeline.errors import UserError, printable
from pipeline.recording.checkpoint import Checkpoint, Checkpoints, read_checkpoint
from pipeline.recording.fingerprint import MADE_OF, Fingerprint
from pipeline.recording.segments import Segments
from pipeline.recording.work_files import clean_up
from pipeline.storage.atomic import disk_errors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EarlierRender:
    """The files of an earlier render in the work folder, if there was one."""

    folder: Path
    """The work folder."""
    fingerprint: Fingerprint
    """Fingerprint of the new render."""
    checkpoints: Checkpoints
    """The checkpoints in the folder."""
    segments: Segments
    """The pictures in the folder."""
    _: KW_ONLY
    overwrite: bool
    """Whether an earlier render that is damaged or has another fingerprint may be replaced."""

    def is_same(self) -> bool:
        """Return whether the complete output has this fingerprint, or none is stored.

        Raises UserError.
        """
        return not (self.folder / MADE_OF).exists() or self._can_resume()

    def remove_unless_resumable(self) -> None:
        """Remove the files that only resuming needs if they cannot be resumed. Raises UserError."""
        if not self.checkpoints.all() or not self._can_resume():
            clean_up(self.folder)

    def resume(self, device: torch.device) -> Checkpoint | None:
        """Return the newest checkpoint, and continue the segments after their last picture.

        None: the render was damaged, so it has been removed to start over. device: of the tensors
        of the dream. Raises UserError.
        """
        try:
            return self._load(device)
        except UserError as error:
            if not self.overwrite:
                raise
            log.warning("starting over: %s", str(error).partition("; ")[0])
            self.segments.stop()
            self._restart()
            return None

    def _can_resume(self) -> bool:
        return self.fingerprint.can_resume(self.folder / MADE_OF, overwrite=self.overwrite)

    def _load(self, device: torch.device) -> Checkpoint | None:
        """Load the newest checkpoint; start over if a segment is damaged. Raises UserError."""
        *older, newest = self.checkpoints.all()
        with disk_errors(self.folder):
            self.checkpoints.remove_older(older, newest)
            damaged = self.segments.find_damaged()
            if damaged is not None:
                log.warning("starting over: %s is damaged", printable(damaged))
                self._restart()
                return None
            before = read_checkpoint(newest, device)
            self.segments.resume()
        if self.segments.count < before.pictures:
            raise UserError(
                f"output: {printable(self.folder)} must contain the {before.pictures} pictures "
                f"rendered so far, got {self.segments.count}; set overwrite=true to start over"
            )
        return before

    def _restart(self) -> None:
        """Remove what the earlier render left, and start over."""
        clean_up(self.folder)
        self.segments.resume()  # to forget the ones that were removed
        self.fingerprint.write(self.folder / MADE_OF)
