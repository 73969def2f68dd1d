"""SWEEP/mosaic.mp4: all finished videos side by side, each above a label with its settings."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pipeline.errors import printable
from pipeline.gallery.cards import Card, cards, plan_of
from pipeline.gallery.convert import H264, MP4, SCALED, TAGGED, convert_preview
from pipeline.gallery.media import Kind, is_plain
from pipeline.gallery.page import MOSAIC
from pipeline.gallery.thumbnails import RATE, copy, folder_of_pictures
from pipeline.storage.atomic import disk_errors, temporary_path
from pipeline.storage.work_dir import write_text
from pipeline.sweep.plan import JobState, Plan

log = logging.getLogger(__name__)

WIDEST, HIGHEST = 3840, 2160
"""Maximum width and height of the mosaic in pixels."""
MOST = 144
"""Maximum number of jobs, the first of the plan: 12 x 12 cells of 16:9, about 290 pixels wide."""
SHAPE = 16 / 9
LETTERING = 0.6
"""Font size as a fraction of the height of the strip."""
GROUND, INK = (16, 16, 18), (222, 219, 214)
CODEC = (*H264, "-crf", "18", "-threads", "2", "-flags", "+bitexact", "-fflags", "+bitexact", *MP4)
MADE_OF = "mosaic.txt"


@dataclass(frozen=True)
class Grid:
    """Layout of the cells: each is a picture with a strip below it. All sizes are even."""

    columns: int
    """Number of cells in a row."""
    rows: int
    """Number of rows."""
    width: int
    """Width of a cell's picture in pixels."""
    height: int
    """Height of a cell's picture in pixels."""
    strip: int
    """Height of the strip below the picture in pixels."""

    def corner(self, index: int) -> tuple[int, int]:
        """Return (x, y) of the upper left corner of a cell in pixels."""
        row, column = divmod(index, self.columns)
        return column * self.width, row * (self.height + self.strip)


def write_mosaic(sweep: Path, *, seconds: float = 1800) -> Path | None:
    """Write the mosaic of the sweep unless it is up to date, and return its path.

    Returns None if fewer than two jobs have a video, or if ffmpeg fails, which is logged. seconds:
    time limit of ffmpeg. Raises UserError if the folder holds no sweep, or cannot be written.
    """
    plan, folder, path = plan_of(sweep), folder_of_pictures(sweep), sweep / MOSAIC
    done = [(card, video) for card in cards(sweep, plan) if (video := _video(card, folder))]
    if len(done) < 2:
        return None
    if len(done) > MOST:
        log.warning(
            "%s: shows only the first %d of %d jobs, the maximum", printable(path), MOST, len(done)
        )
    done = done[:MOST]
    labels = [label(plan, card) for card, _ in done]
    record, fingerprint = folder / MADE_OF, _fingerprint(done, labels)
    if is_plain(path) and is_plain(record) and record.read_text("utf-8") == fingerprint:
        return path
    if not _render(path, done, labels, folder, seconds):
        log.warning("%s: could not be created from %d videos", printable(path), len(done))
        return None
    write_text(record, fingerprint)
    return path


def label(plan: Plan, card: Card) -> str:
    """Return the settings of the job that differ, by the last part of their keys, or its name."""
    pairs = zip(plan.keys, card.settings, strict=True)
    texts = [f"{key.rpartition('.')[2]} {value}" for key, value in pairs if value is not None]
    return "   ".join(texts) or card.name


def grid_of(count: int, width: int, height: int) -> Grid:
    """Return a grid close to 16:9, with few empty cells, for `count` videos of this size in pixels.

    The cells are no larger than the videos, and the grid no larger than WIDEST x HIGHEST.
    """

    def strip_of(columns: int) -> int:
        return 2 * min(14, max(8, round(min(width, WIDEST / columns) / 36)))

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        ratio = columns * width / (rows * (height + strip_of(columns)))
        return abs(math.log(ratio / SHAPE)) + rows * columns / count

    columns = min(range(1, count + 1), key=cost)
    rows = math.ceil(count / columns)
    strip = strip_of(columns)
    scale = min(1.0, WIDEST / (columns * width), (HIGHEST / rows - strip) / height)
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (width, height))
    return Grid(columns, rows, width, height, strip)


def label_overlay(grid: Grid, labels: Sequence[str]) -> Image.Image:
    """Return the RGBA overlay with the labels, transparent where the pictures are."""
    size = grid.columns * grid.width, grid.rows * (grid.height + grid.strip)
    sheet = Image.new("RGBA", size, (*GROUND, 0))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(grid.strip * LETTERING)
    for index, text in enumerate(labels):
        x, y = grid.corner(index)
        end = x + grid.width - 1, y + grid.height + grid.strip - 1
        draw.rectangle((x, y + grid.height, *end), fill=(*GROUND, 255))
        position = x + grid.strip // 4, y + grid.height + grid.strip // 2
        shortened = _shorten(text, font, grid.width - grid.strip // 2)
        draw.text(position, shortened, fill=(*INK, 255), font=font, anchor="lm")
    return sheet


def _shorten(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return the text, cut to end in an ellipsis if it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _video(card: Card, folder: Path) -> Path | None:
    """Return the video of the job; None if it is not done or has none."""
    media = card.media
    if card.state is not JobState.DONE or media is None or media.kind is Kind.PICTURE:
        return None
    path = copy(media, card.figures.rate, folder) if media.kind is Kind.FRAMES else media.path
    return path if is_plain(path) else None


def _render(
    path: Path,
    done: Sequence[tuple[Card, Path]],
    labels: Sequence[str],
    folder: Path,
    seconds: float,
) -> bool:
    figures = next((card.figures for card, _ in done if card.figures.width), done[0][0].figures)
    cells = grid_of(len(done), figures.width or 640, figures.height or 360)
    rate = figures.rate or RATE
    sheet = temporary_path(folder / MADE_OF)
    try:
        with disk_errors(sheet):
            label_overlay(cells, labels).save(sheet, "png", compress_level=1)
        # one thread per filter: with one per processor, hundreds of filters need too much memory
        options = (
            "-filter_complex_threads",
            "1",
            "-filter_complex",
            _filters(cells, len(done), str(rate)),
            "-map",
            "[out]",
        )
        inputs = [*(video for _, video in done), sheet]
        return convert_preview(inputs, path, (*options, "-r", str(rate), *CODEC), seconds=seconds)
    finally:
        sheet.unlink(missing_ok=True)


def _filters(grid: Grid, count: int, rate: str) -> str:
    """Return the filter graph: videos in their cells, shorter ones held, and the labels on top."""
    size = f"{grid.width}:{grid.height}"
    box = f"{grid.width}:{grid.height + grid.strip}"
    ground = f"0x{bytes(GROUND).hex()}"
    fit = (
        f"fps={rate},scale={size}:force_original_aspect_ratio=decrease:{SCALED},setsar=1,"
        f"pad={box}:(ow-iw)/2:({grid.height}-ih)/2:{ground},format=yuv420p"
    )
    chains = [f"[{index}:v:0]{fit}[c{index}]" for index in range(count)]
    corners = "|".join("{}_{}".format(*grid.corner(index)) for index in range(count))
    cells = "".join(f"[c{index}]" for index in range(count))
    chains.append(f"{cells}xstack=inputs={count}:layout={corners}:fill={ground}[all]")
    chains.append(f"[all][{count}:v:0]overlay=eof_action=repeat,format=yuv420p,{TAGGED}[out]")
    return ";".join(chains)


def _fingerprint(done: Sequence[tuple[Card, Path]], labels: Sequence[str]) -> str:
    """Return a line that changes whenever the content of the mosaic would."""
    versions = [card.media.version for card, _ in done if card.media is not None]
    return hashlib.sha1("\n".join((*labels, *versions)).encode()).hexdigest() + "\n"
