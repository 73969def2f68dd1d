"""Image files: a folder of numbered PNGs, or a single picture.

A segment is a file of concatenated PNGs, so that it is completed by a single rename.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.encoder import Writer
from pipeline.errors import UserError, printable
from pipeline.frame import Clip, Picture, composite_over_grey, to_uint8
from pipeline.image_io.png import add_png_tags, read_pngs
from pipeline.image_io.tiff import add_tiff_tags
from pipeline.storage.atomic import atomic_write, commit, disk_errors, fsync, temporary_path

log = logging.getLogger(__name__)

Suffix = Literal["", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"]


@dataclass(frozen=True)
class Format:
    """An image format: OpenCV's suffix for it, and its support for 16 bits and transparency."""

    suffix: str
    """Suffix by which OpenCV identifies the format."""
    deep: bool
    """Whether the format supports 16 bits per channel."""
    alpha: bool
    """Whether the format supports transparency."""


PNG = Format(".png", deep=True, alpha=True)
JPEG = Format(".jpg", deep=False, alpha=False)
TIFF = Format(".tif", deep=True, alpha=True)
WEBP = Format(".webp", deep=False, alpha=True)
SINGLE = {
    ".png": PNG,
    **dict.fromkeys((".jpg", ".jpeg"), JPEG),
    **dict.fromkeys((".tif", ".tiff"), TIFF),
    ".webp": WEBP,
}
"""Formats of a single picture by its suffix; a folder has any other suffix or none."""
JPEG_BLOCK = 65519
"""Maximum size in bytes of a colour profile in a JPEG: OpenCV writes only one block.

That is a block without its header (ICC.1:2022, B.4).
"""
Pixels = npt.NDArray[np.uint8 | np.uint16]
DIGITS = 6
"""Minimum number of digits in the name of a picture in a folder."""


@dataclass(frozen=True)
class Images:
    """An Encoder of image files. Audio and subtitles are left out.

    For a format without 16 bits per channel pictures are reduced to 8 bits, and for one without
    transparency they are composited over black.
    """

    suffixes: Annotated[tuple[Suffix, ...], Field(min_length=1)]
    """Suffixes of outputs; an empty one is a folder, the others are single pictures."""
    compression: Annotated[int, Field(ge=0, le=9)]
    """Compression level of a PNG, 0..9: all are lossless, 9 is the smallest and slowest."""
    quality: Annotated[int, Field(ge=1, le=100)]
    """Quality of a JPEG or WebP, 1..100."""

    def check(self, clip: Clip, folder: Path, suffix: str) -> None:
        """Try all steps on one or two black pictures in `folder`. Raises UserError."""
        suffix = suffix.lower()
        if suffix not in self.suffixes:
            names = " or ".join(known or "no suffix (a folder)" for known in self.suffixes)
            raise UserError(
                f"output: must have {names}, got {printable(suffix)!r}; rename the output or "
                "choose another encoder (dreamreel list encoders)"
            )
        if suffix and clip.count != 1:
            number = "an unknown number" if clip.count is None else clip.count
            raise UserError(
                f"output: must contain exactly one picture as a {suffix} file, got {number}; "
                "set output=FOLDER or output=NAME.mp4, or set frames=1"
            )
        with (
            disk_errors(folder),
            tempfile.TemporaryDirectory(prefix="check-", dir=folder) as name,
        ):
            segment = Path(name, "0")
            with self.open(segment, clip) as writer:
                for _ in range(1 if suffix else 2):
                    writer.write(np.zeros((clip.height, clip.width, 3), f"u{clip.depth // 8}"))
            self.join([segment], Path(name, f"check{suffix}"), clip, {"comment": "check"})

    def open(self, path: Path, clip: Clip) -> PictureSegment:
        """Return a writer for one segment at `path`.

        Raises UserError if its folder cannot be used.
        """
        return PictureSegment(path, clip, self._options[PNG])

    def pictures(self, segment: Path, clip: Clip) -> Iterator[Picture]:
        """Yield the pictures of a segment, (H, W, 3) RGB. Raises UserError if one is damaged."""
        for png in read_pngs([segment]):
            decoded: Any = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
            yield decoded[..., 2::-1]

    def join(
        self, segments: Sequence[Path], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        """Write the pictures to a new folder at `path`, or a single picture to a file at `path`.

        metadata: tags, written only to a single .png. Raises UserError.
        """
        with disk_errors(path):
            if path.suffix.lower() in SINGLE:
                self._write_single(list(read_pngs(segments)), path, clip, metadata)
            else:
                _write_folder(segments, path)

    def _write_single(
        self, pictures: Sequence[bytes], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        if len(pictures) != 1:
            raise UserError(
                f"output: must contain exactly one picture as a {path.suffix} file, got "
                f"{len(pictures)}; set output=FOLDER or output=NAME.mp4"
            )
        png, form = pictures[0], SINGLE[path.suffix.lower()]
        if form is PNG:
            _write(path, add_png_tags(png, clip.profile, metadata))
        else:
            _write(path, self._converted(png, form, clip.profile))

    def _converted(self, png: bytes, form: Format, profile: bytes) -> bytes:
        """Return the PNG converted to another format, as the bytes of a file."""
        decoded: Any = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
        pixels: Pixels = decoded  # not None: its checksums were verified
        if pixels.shape[2] == 4 and not form.alpha:
            pixels = composite_over_grey(pixels[..., :3], pixels[..., 3], 0)
        if not form.deep:
            pixels = to_uint8(pixels)
        if form is TIFF:
            content = _encode(pixels, form, self._options[form])
            return add_tiff_tags(content, profile, alpha=pixels.shape[2] == 4)
        if form is JPEG and len(profile) > JPEG_BLOCK:
            log.warning(
                "the colour profile is omitted: a JPEG supports at most %d bytes", JPEG_BLOCK
            )
            profile = b""
        return _encode(pixels, form, self._options[form], profile)

    @property
    def _options(self) -> Mapping[Format, Sequence[int]]:
        """OpenCV's options. JPEG: chroma at full resolution, because dreams are colourful."""
        full = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
        return {
            PNG: (cv2.IMWRITE_PNG_COMPRESSION, self.compression),
            JPEG: (cv2.IMWRITE_JPEG_QUALITY, self.quality, *full),
            TIFF: (cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_ADOBE_DEFLATE),
            WEBP: (cv2.IMWRITE_WEBP_QUALITY, self.quality),
        }


class PictureSegment(Writer):
    """A Writer of a segment that is a file of concatenated PNGs."""

    def __init__(self, path: Path, clip: Clip, options: Sequence[int]) -> None:
        self._path = path
        self._shape = (clip.height, clip.width, 3)
        self._depth, self._cutout = clip.depth, clip.cutout
        self._options = options
        self._temporary = temporary_path(path)
        self._written = 0
        self._open = True
        with disk_errors(path):
            self._file = self._temporary.open("xb")

    def write(self, picture: Picture) -> None:
        """Append a picture, (H, W, 3) RGB of the clip's bit depth.

        Raises UserError if the file cannot be written.
        """
        if picture.shape != self._shape or 8 * picture.dtype.itemsize != self._depth:
            got = f"{picture.shape} {picture.dtype}"
            raise ValueError(
                f"a picture must have shape {self._shape} and {self._depth} bits, got {got}"
            )
        pixels = picture[..., ::-1]
        if self._cutout is not None:
            pixels = _apply_cutout(pixels, self._cutout)
        with disk_errors(self._path):
            self._file.write(_encode(pixels, PNG, self._options))
        self._written += 1

    def close(self) -> None:
        """Finish the segment. Raises UserError unless all pictures are in it and on the disk."""
        if not self._open:
            return
        try:
            with disk_errors(self._path):
                self._file.close()
                got = sum(1 for _ in read_pngs([self._temporary]))
                if got != self._written:
                    raise UserError(
                        f"{printable(self._path)}: must contain all {self._written} pictures, got "
                        f"{got}; set output to a path on another disk"
                    )
                commit(self._temporary, self._path)
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop and remove the temporary file, if any."""
        self._open = False
        with suppress(OSError):  # a full disk, which is already being reported
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def _write_folder(segments: Sequence[Path], path: Path) -> None:
    """Create the folder and write every picture to it: 000000.png, 000001.png ..."""
    path.mkdir()
    try:
        for index, png in enumerate(read_pngs(segments)):
            _write(path / f"{index:0{DIGITS}d}.png", png)
    except BaseException:
        shutil.rmtree(path)
        raise
    fsync(path)


def _write(path: Path, content: bytes) -> None:
    """Write the file atomically. Raises OSError."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def _apply_cutout(pixels: Pixels, cutout: Picture) -> Pixels:
    """Return the pixels, (H, W, 3) BGR, with the opacity of the cutout, (H, W, 4) RGBA, as BGRA.

    Fully transparent pixels keep the cutout's colours, so that no dream is hidden there.
    """
    alpha = cutout[..., 3:]
    colours = np.where(alpha == 0, cutout[..., 2::-1], pixels)
    return np.dstack([colours, alpha])


def _encode(pixels: Pixels, form: Format, options: Sequence[int], profile: bytes = b"") -> bytes:
    """Return the pixels, (H, W, 3 or 4) in BGR or BGRA of 8 or 16 bits, as the bytes of a file.

    cv2.imwrite is not used: it does not report a full disk and does not support all file names.
    """
    kinds = [cv2.IMAGE_METADATA_ICCP] if profile else []
    blocks = [np.frombuffer(profile, np.uint8)] if profile else []
    _, content = cv2.imencodeWithMetadata(
        form.suffix, np.ascontiguousarray(pixels), kinds, blocks, list(options)
    )
    return content.tobytes()
