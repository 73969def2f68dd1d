"""A sheet of one picture dreamt with each layer of a network, or with each channel of a layer.

dreamreel atlas frame.png                        # every block: atlas.png
dreamreel atlas frame.png --layer blocks.9       # its 24 strongest channels
dreamreel atlas frame.png guide=coins.png        # every block, with a guide
dreamreel atlas frame.png model=googlenet dreamer.octaves=3   # any setting
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from pipeline import compose
from pipeline.cli.exit_codes import print_text
from pipeline.cli.settings_parser import settings_parser
from pipeline.cli.shorthand import expand
from pipeline.cli.steps import steps
from pipeline.config.compose import compose_stage
from pipeline.errors import UserError, printable
from pipeline.explain.layers import blocks_with_maps, dream_with, strongest_channels
from pipeline.frame import Image, Picture, to_image, to_picture
from pipeline.model import Model
from pipeline.report.classification import top_classes
from pipeline.storage.atomic import disk_errors

SUFFIXES = (".png", ".jpg", ".jpeg")
"""Suffixes of the files that a sheet can be written to."""
SHEET_WIDTH = 1600
"""Approximate width of the sheet in pixels."""
LINE = 22
"""Height of a label in pixels."""


def main(arguments: Sequence[str]) -> None:
    """Draw the sheet and write it to a file. Raises UserError."""
    parsed = parser().parse_intermixed_args(arguments)
    sheet = atlas(
        expand(parsed.settings), layer=parsed.layer, count=parsed.channels, width=parsed.tile
    )
    encoded, data = cv2.imencode(parsed.output.suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    assert encoded
    with disk_errors(parsed.output):
        parsed.output.write_bytes(data)
    print_text(printable(parsed.output))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = settings_parser("atlas", __doc__, "a picture")
    result.add_argument("--layer", help="draw the channels of this layer instead of all layers")
    result.add_argument(
        "--channels", type=int, default=24, help="number of channels with --layer (24)"
    )
    result.add_argument(
        "--tile", type=int, default=320, help="width of each picture in pixels (320)"
    )
    result.add_argument(
        "-o",
        "--output",
        type=_picture_file,
        default=Path("atlas.png"),
        metavar="FILE",
        help="file to write, .png or .jpg (atlas.png)",
    )
    return result


def _picture_file(name: str) -> Path:
    """Return the path of a picture. Raises ArgumentTypeError, as argparse expects."""
    path = Path(name)
    if path.suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"must end in .png or .jpg, got {name!r}")
    return path


def atlas(settings: Sequence[str], *, layer: str | None, count: int, width: int) -> Picture:
    """Return the sheet.

    layer: the layer whose `count` strongest channels to draw; None: draw all blocks. width: of each
    picture, in pixels.
    """
    words = [f"width={width}", "frames=1", *settings, "flow=none", "cuts=none"]
    job = compose(*words, "overwrite=true")
    pipeline = job.pipeline
    model = pipeline.model.to(job.device)
    picture = next(pipeline.source.pictures())
    assert picture is not None
    image = to_image(picture, job.device)
    if layer is None:
        objectives = {
            name: [f"objective.layers=[{name}]"] for name in blocks_with_maps(model, image)
        }
    else:
        objectives = {
            f"{layer}  {channel}": [
                "objective=channel",
                f"objective.layers=[{layer}]",
                f"objective.channels=[{channel}]",
            ]
            for channel in strongest_channels(model, image, layer, count)
        }
    tiles = [_labelled(picture, f"the picture   {_top_class(model, image)}")]
    with steps(len(objectives), "picture") as begin:
        for label, objective in objectives.items():
            begin(label)
            try:
                dream = dream_with(job, compose_stage("objective", *words, *objective))
            except UserError as error:
                tqdm.write(f"{label}: skipped, {error}", file=sys.stderr)
                continue
            tiles.append(_labelled(to_picture(dream), f"{label}   {_top_class(model, dream)}"))
    return _sheet(tiles, columns=max(1, SHEET_WIDTH // width))


def _top_class(model: Model, image: Image) -> str:
    """Return the most likely class and its probability as text; empty if there are no classes."""
    likeliest = top_classes(model, image, 1)
    return "".join(f"{name} {share:.0%}" for name, share in likeliest.items())


def _labelled(picture: Picture, label: str) -> Picture:
    line = np.full((LINE, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(
        line, label, (4, LINE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (20,) * 3, 1, cv2.LINE_AA
    )
    return np.vstack([picture, line])


def _sheet(tiles: Sequence[Picture], columns: int) -> Picture:
    """Return the tiles, all of the same size, arranged in rows."""
    columns = min(columns, len(tiles))
    blank = np.full_like(tiles[0], 255)
    tiles = [*tiles, *[blank] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])
