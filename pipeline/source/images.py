"""Picture files as a sequence: a single file, a folder, or a numbered pattern."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import filterfalse, pairwise
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UserError, printable
from pipeline.frame import Clip, Picture
from pipeline.image_io.reader import read
from pipeline.image_io.suffixes import SUFFIXES, is_picture, natural_order, visible_files
from pipeline.imaging.resizing import resize_picture
from pipeline.limits import Limits
from pipeline.source.extent import End, Start, check_order, extent, frames_between
from pipeline.source.fitting import Fitting, Placement
from pipeline.storage.input_file import require_path

log = logging.getLogger(__name__)

Side = Annotated[int, Field(ge=1)]
SAMPLES = 32
"""Approximate number of pictures in which bars are searched for."""
PATTERN = re.compile(r"%(?:0?(\d{1,2}))?d")
"""Placeholder of a number in a file name: %d, or %04d for at least four digits (at most 99)."""


def as_fraction(rate: object) -> object:
    """Return a float as its decimal string, so that Fraction gets the value as written."""
    return str(rate) if isinstance(rate, float) else rate


@dataclass(frozen=True)
class Images:
    """Picture files as a source: 8-bit RGB, all scaled to the size of the first.

    Raises UserError if the path is missing, `end` is not later than `start`, or `frames` or `rate`
    exceeds the limits.
    """

    path: Annotated[Path, BeforeValidator(require_path)]
    """A picture, a folder, or a pattern of numbered files such as shots/frame_%04d.png."""
    rate: Annotated[Fraction, BeforeValidator(as_fraction), Field(gt=0)]
    """Pictures per second."""
    start: Start | None
    """Start in seconds since the first picture. None: 0."""
    end: End | None
    """End in seconds since the first picture. None: after the last picture."""
    frames: Annotated[int, Field(ge=1)] | None
    """Maximum number of frames. None: no limit."""
    height: Side | None
    """Height of the result in pixels. None: from `width` and the first picture's aspect ratio."""
    width: Side | None
    """Width of the result in pixels. None: from `height` and the first picture's aspect ratio."""
    fitting: Fitting
    """How a picture of another shape than the result is fitted into it."""
    limits: Limits
    """Upper limits of the input."""

    _unit: ClassVar[int] = 2
    """Height and width are multiples of this: common video formats halve the chroma resolution."""

    def __post_init__(self) -> None:
        check_order(self.start, self.end)
        self.limits.check_frames("frames", self.frames)
        self.limits.check_rate("source.rate", float(self.rate))

    @cached_property
    def clip(self) -> Clip:
        """Size, rate and length of the result.

        Decodes the first picture. Raises UserError if this fails or the limits are exceeded.
        """
        first, last = self._extent
        size = self.placement.size
        count = frames_between(len(self._files), first, last)
        self.limits.check_frames("input", count)
        return Clip(*size, rate=self.rate, count=count)

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the pictures from frame `start` on: (H, W, 3) uint8 RGB.

        A picture that cannot be decoded is logged and replaced by the one before it. Raises
        UserError if there is none before it.
        """
        first, last = self._extent
        _ = self.clip, self._logged_gaps
        before: Picture | None = None
        is_reported = False
        for index in range(len(self._files))[first:last][start:]:
            picture = self._picture(index)
            if picture is not None:
                if picture.shape[:2] != self.shape and not is_reported:
                    is_reported = True
                    log.warning(
                        "%s has %dx%d pixels, the first picture %dx%d; all are scaled to the same "
                        "size",
                        printable(self._files[index]),
                        *picture.shape[1::-1],
                        *self.shape[::-1],
                    )
                picture = self.placement(picture)
            else:
                log.warning(
                    "%s is replaced by the picture before it", printable(self._files[index])
                )
                # read again after a resume, so that the result is the same
                picture = before if before is not None else self._latest(first, index)
            before = picture
            yield picture.copy()  # the caller may write into it, and it may be yielded again

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Height and width of the first picture in pixels, before scaling."""
        height, width = self._read(self._files[self._extent[0]]).shape[:2]
        return height, width

    @cached_property
    def placement(self) -> Placement:
        """Where the pixels of a picture go. With crop="auto", several are read for it."""
        return self.fitting.placement(
            self.shape,
            (self.height, self.width),
            limits=self.limits,
            unit=self._unit,
            bars=self.fitting.bars(self._samples()),
        )

    def _samples(self) -> Iterator[Picture]:
        """Yield pictures of the rendered part, evenly spaced, at the size of the first."""
        first, last = self._extent
        indices = range(len(self._files))[first:last]
        for index in indices[:: -(-len(indices) // SAMPLES)]:
            if (picture := self._picture(index)) is not None:
                yield resize_picture(picture, *self.shape)

    @cached_property
    def _files(self) -> list[Path]:
        files = find_pictures(self.path)
        if not files:
            raise UserError(
                f"input: must contain at least one picture ({' '.join(SUFFIXES)}), "
                f"got none at {printable(self.path)}; check the folder or the pattern"
            )
        return files

    @cached_property
    def _logged_gaps(self) -> None:
        """Log, once, which files and numbers are left out."""
        report_left_out(self.path, self._files)

    @cached_property
    def _extent(self) -> tuple[int, int | None]:
        return extent(
            self.rate,
            start=self.start,
            end=self.end,
            frames=self.frames,
            total=len(self._files),
        )

    def _read(self, file: Path) -> Picture:
        """Return the picture in the file. Raises UserError if it cannot be read."""
        return read(file, self.limits)

    def _picture(self, index: int) -> Picture | None:
        """Return the picture at `index`; None, after logging the reason, if it cannot be read."""
        try:
            return self._read(self._files[index])
        except UserError as error:
            log.warning("%s", error)
            return None

    def _latest(self, first: int, index: int) -> Picture:
        """Return the last readable picture in [first, index), at the size of the result.

        Raises UserError if there is none.
        """
        for earlier in reversed(range(first, index)):
            if (picture := self._picture(earlier)) is not None:
                return self.placement(picture)
        raise UserError(
            "input: must contain a readable picture before the unreadable ones, got none at "
            f"{printable(self.path)}; restore the files"
        )


def find_pictures(path: Path) -> list[Path]:
    """Return the files that `path` names: itself, a folder's pictures, or a pattern's matches.

    The files of a folder are in natural order (9 before 10), those of a pattern in the order of
    their numbers. The first gap in the numbers of a pattern is logged.
    """
    if path.is_dir():
        return sorted(filter(is_picture, visible_files(path)), key=natural_order)
    if len(PATTERN.findall(path.name)) != 1 or path.exists():
        return [path]
    before, digits, after = PATTERN.split(path.name)
    form = re.compile(rf"{re.escape(before)}([0-9]{{{digits or 1},}}){re.escape(after)}", re.DOTALL)
    folder = path.parent.iterdir() if path.parent.is_dir() else iter(())
    numbered = {int(match[1]): file for file in folder if (match := form.fullmatch(file.name))}
    numbers = sorted(numbered)
    _report_gaps(path, numbers)
    return [numbered[number] for number in numbers]


def report_left_out(folder: Path, files: Sequence[Path]) -> None:
    """Log the other files of a folder, and the first gap in the numbers of `files`.

    Does nothing if `folder` is not a folder.
    """
    if not folder.is_dir():
        return
    others = sorted(filterfalse(is_picture, visible_files(folder)), key=natural_order)
    if others:
        log.info(
            "%s: %d files that are not pictures are ignored, for example %s",
            printable(folder),
            len(others),
            printable(Path(others[0].name)),
        )
    _report_gaps(folder, _numbers(files))


def _report_gaps(path: Path, numbers: Sequence[int]) -> None:
    """Log a warning about the first gap in these ascending numbers, if there is one."""
    gaps = [here for here, following in pairwise(numbers) if following > here + 1]
    if gaps:
        log.warning("%s: picture %d is missing and is skipped", printable(path), gaps[0] + 1)


def _numbers(files: Sequence[Path]) -> list[int]:
    """Return the numbers in the file names if these differ in their last number only, else [].

    Also [] if more numbers are missing than present: such files are not frames of a sequence.
    """
    forms = [re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", file.stem) for file in files]
    numbers = [int(form[2]) for form in forms if form]
    same_pattern = len({(form and (form[1], form[3])) for form in forms}) == 1
    if not same_pattern or len(numbers) < len(files) or not files:
        return []
    return numbers if numbers[-1] - numbers[0] < 2 * len(numbers) else []
