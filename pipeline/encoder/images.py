"""A folder of numbered PNGs, or a single picture.

A segment is one file, so that one rename lets it count: PNGs one after the other.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
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
from pipeline.storage.atomic import commit, disk_errors, fsync, temporary_path

log = logging.getLogger(__name__)

Suffix = Literal["", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"]


@dataclass(frozen=True)
class Format:
    """How OpenCV knows it, and what it has room for: 16 bits of a colour, transparency."""

    suffix: str
    """By which OpenCV knows the format."""
    deep: bool
    """Whether a colour may have 16 bits."""
    alpha: bool
    """Whether it has transparency."""


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
"""The format of a single picture by its suffix; a folder may be called anything else."""
JPEG_BLOCK = 65519
"""The most bytes of a profile that OpenCV writes: one block, less its head (ICC.1:2022, B.4)."""
Pixels = npt.NDArray[np.uint8 | np.uint16]
DIGITS = 6
"""Digits of a picture's number in a folder; more where a render has more pictures."""


@dataclass(frozen=True)
class Images:
    """An Encoder. Sound and subtitles have no place in pictures and are left out.

    A format without room for it gets 8 bits and no transparency: transparent pixels are seen
    over black.
    """

    suffixes: Annotated[tuple[Suffix, ...], Field(min_length=1)]
    """Of outputs; an empty one is a folder, the others a single picture."""
    compression: Annotated[int, Field(ge=0, le=9)]
    """Of a PNG, 0..9; all are lossless, 9 is the smallest and slowest."""
    quality: Annotated[int, Field(ge=1, le=100)]
    """Of a JPEG or WebP, 1..100."""

    def check(self, clip: Clip, folder: Path, suffix: str) -> None:
        """Try the whole chain on black pictures in `folder`. Raises UserError."""
        suffix = suffix.lower()
        if suffix not in self.suffixes:
            names = " or ".join(known or "nothing (a folder)" for known in self.suffixes)
            raise UserError(
                f"output: must end in {names}, got {printable(suffix)!r}; "
                "rename it or choose another encoder"
            )
        if suffix and clip.count != 1:
            held = "an unknown number" if clip.count is None else clip.count
            raise UserError(
                f"output: a {suffix} file must hold one picture, got {held}; "
                "name a folder or a video, or set frames=1"
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
        """Return a writer of one segment at `path`. Raises UserError if its folder cannot be
        used."""
        return PictureSegment(path, clip, self._options[PNG])

    def join(
        self, segments: Sequence[Path], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        """Write the pictures into the new folder `path`, or the only one to the file `path`.

        metadata: tags of a single .png; elsewhere there is no place for them. Raises UserError.
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
                f"output: a {path.suffix} file must hold one picture, got {len(pictures)}; "
                "name a folder or a video"
            )
        png, form = pictures[0], SINGLE[path.suffix.lower()]
        if form is PNG:
            _write(path, add_png_tags(png, clip.profile, metadata))
        else:
            _write(path, self._converted(png, form, clip.profile))

    def _converted(self, png: bytes, form: Format, profile: bytes) -> bytes:
        """Return the PNG as a file of another format."""
        decoded: Any = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
        pixels: Pixels = decoded  # not None: its checksum was right
        if pixels.shape[2] == 4 and not form.alpha:
            pixels = composite_over_grey(pixels[..., :3], pixels[..., 3], 0)
        if not form.deep:
            pixels = to_uint8(pixels)
        if form is TIFF:
            content = _encoded(pixels, form, self._options[form])
            return add_tiff_tags(content, profile, alpha=pixels.shape[2] == 4)
        if form is JPEG and len(profile) > JPEG_BLOCK:
            log.warning("the colour profile is left out: a JPEG has %d bytes for it", JPEG_BLOCK)
            profile = b""
        return _encoded(pixels, form, self._options[form], profile)

    @property
    def _options(self) -> Mapping[Format, Sequence[int]]:
        """OpenCV's options. JPEG: colour at full resolution, for dreams are colourful."""
        full = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
        return {
            PNG: (cv2.IMWRITE_PNG_COMPRESSION, self.compression),
            JPEG: (cv2.IMWRITE_JPEG_QUALITY, self.quality, *full),
            TIFF: (cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_ADOBE_DEFLATE),
            WEBP: (cv2.IMWRITE_WEBP_QUALITY, self.quality),
        }


class PictureSegment(Writer):
    """A Writer of one file of PNGs."""

    def __init__(self, path: Path, clip: Clip, options: Sequence[int]) -> None:
        self._path = path
        self._shape = (clip.height, clip.width, 3)
        self._depth, self._cutout = clip.depth, clip.cutout
        self._options = options
        self._half = temporary_path(path)
        self._written = 0
        self._open = True
        with disk_errors(path):
            self._file = self._half.open("xb")

    def write(self, picture: Picture) -> None:
        """Append (H, W, 3) RGB of the clip's depth. Raises UserError if the disk is full."""
        if picture.shape != self._shape or 8 * picture.dtype.itemsize != self._depth:
            got = f"{picture.shape} {picture.dtype}"
            raise ValueError(f"a picture must be {self._shape} of {self._depth} bits, got {got}")
        pixels = picture[..., ::-1]
        if self._cutout is not None:
            pixels = _cut_out(pixels, self._cutout)
        with disk_errors(self._path):
            self._file.write(_encoded(pixels, PNG, self._options))
        self._written += 1

    def close(self) -> None:
        """Let the segment count: every picture is in it and it is on the disk, or UserError."""
        if not self._open:
            return
        try:
            with disk_errors(self._path):
                self._file.close()
                got = sum(1 for _ in read_pngs([self._half]))
                if got != self._written:
                    raise UserError(
                        f"{printable(self._path)}: must hold all {self._written} pictures, got "
                        f"{got}; "
                        "choose another disk"
                    )
                commit(self._half, self._path)
        finally:
            self.stop()

    def stop(self) -> None:
        """End at once; the half file goes."""
        self._open = False
        with suppress(OSError):  # the full disk that brought us here, again
            self._file.close()
        self._half.unlink(missing_ok=True)


def _write_folder(segments: Sequence[Path], path: Path) -> None:
    """Make the folder and write every picture into it: 000000.png, 000001.png ..."""
    path.mkdir()
    try:
        for index, png in enumerate(read_pngs(segments)):
            _write(path / f"{index:0{DIGITS}d}.png", png)
    except BaseException:
        shutil.rmtree(path)
        raise
    fsync(path)


def _write(path: Path, content: bytes) -> None:
    """Write the file so that it is whole or not there. Raises OSError."""
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(content)
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _cut_out(pixels: Pixels, cutout: Picture) -> Pixels:
    """Return the pixels, (H, W, 3) BGR, as transparent as the cutout, (H, W, 4) RGBA, is.

    Where nothing is seen they are as they were: no dream is hidden there.
    """
    alpha = cutout[..., 3:]
    colours = np.where(alpha == 0, cutout[..., 2::-1], pixels)
    return np.dstack([colours, alpha])


def _encoded(pixels: Pixels, form: Format, options: Sequence[int], profile: bytes = b"") -> bytes:
    """Return the pixels, (H, W, 3 or 4) of 8 or 16 bits in BGR, as a file's bytes.

    OpenCV's own writing to a file says nothing of a full disk and knows no odd file names.
    """
    kinds = [cv2.IMAGE_METADATA_ICCP] if profile else []
    blocks = [np.frombuffer(profile, np.uint8)] if profile else []
    _, content = cv2.imencodeWithMetadata(
        form.suffix, np.ascontiguousarray(pixels), kinds, blocks, list(options)
    )
    return content.tobytes()
