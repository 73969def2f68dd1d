"""One picture dreamt at each layer of a network, or by each channel of a layer, on one sheet.

python scripts/atlas.py input=frame.png                        # each block: atlas.png
python scripts/atlas.py input=frame.png --layer blocks.9       # its 24 strongest channels here
python scripts/atlas.py input=frame.png guide=coins.png        # each block, guided
python scripts/atlas.py input=frame.png model=googlenet dreamer.octaves=3   # any setting
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from benches import parts
from omegaconf import DictConfig
from tqdm import tqdm

from pipeline.cli.arguments import prepared
from pipeline.errors import UserError
from pipeline.frame import Image, Picture, to_image, to_picture
from pipeline.gradient import Gradient
from pipeline.model import Model
from pipeline.model.network.outline import is_map, outline
from pipeline.report.classification import top_classes
from pipeline.runtime.malloc import keep_freed_memory
from pipeline.source import Source

SHEET_WIDTH = 1600
"""Pixels, about."""
LINE = 22
"""Pixels, height of a label."""


def main() -> None:
    """Draw the sheet that the command line asks for."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("settings", nargs="+", metavar="KEY=VALUE", help="of dreamreel; input=...")
    parser.add_argument("--layer", help="draw this layer's channels instead of all layers")
    parser.add_argument("--channels", type=int, default=24, help="how many of them")
    parser.add_argument("--tile", type=int, default=320, help="width of each picture, pixels")
    parser.add_argument("--output", type=Path, default=Path("atlas.png"))
    asked = parser.parse_intermixed_args()
    try:
        sheet = atlas(asked.settings, layer=asked.layer, count=asked.channels, width=asked.tile)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    cv2.imwrite(str(asked.output), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(asked.output)


def atlas(settings: Sequence[str], *, layer: str | None, count: int, width: int) -> Picture:
    """The sheet. layer: whose `count` strongest channels are drawn; None = all blocks."""
    keep_freed_memory()
    words = [*prepared([f"width={width}", "frames=1", *settings]), "flow=none", "cuts=none"]
    config = parts.settings(words)
    source, model = parts.built(config, "source"), parts.built(config, "model")
    picture = next(source.pictures())
    image = to_image(picture, parts.CPU)
    if layer is None:
        asked = {name: [f"objective.layers=[{name}]"] for name in _maps(model, image)}
    else:
        channels = _strongest(model, image, layer, count)
        asked = {f"{layer}  {channel}": ["objective=channel", f"objective.layers=[{layer}]",
                                         f"objective.channels=[{channel}]"]
                 for channel in channels}  # fmt: skip
    tiles = [_labelled(picture, f"the picture   {_taken_for(model, picture)}")]
    for label, objective in tqdm(asked.items(), unit="picture", disable=None):
        try:
            dreamt = _dreamt(parts.settings([*words, *objective]), source, model)
        except UserError as error:
            tqdm.write(f"{label}: left out, {error}", file=sys.stderr)
            continue
        tiles.append(_labelled(dreamt, f"{label}   {_taken_for(model, dreamt)}"))
    return _sheet(tiles, columns=max(1, SHEET_WIDTH // width))


def _dreamt(config: DictConfig, source: Source, model: Model) -> Picture:
    guide = parts.beside(config, source).first_guide()
    gradient = Gradient(model, parts.built(config, "objective").of(model, guide))
    (only,) = parts.rendered(source, config, gradient)
    return to_picture(only.dream.image)


def _taken_for(model: Model, picture: Picture) -> str:
    """The likeliest class, as it stands on the sheet."""
    likeliest = top_classes(model, to_image(picture, parts.CPU), 1)
    return "".join(f"{name} {share:.0%}" for name, share in likeliest.items())


@torch.no_grad()
def _maps(model: Model, image: Image) -> list[str]:
    """The blocks that have a map, not just a list of numbers."""
    activations = model(image, outline(model.layers()))
    return [name for name, activation in activations.items() if is_map(activation)]


@torch.no_grad()
def _strongest(model: Model, image: Image, layer: str, count: int) -> list[int]:
    """The channels with the greatest mean activation in this picture."""
    means = model(image, [layer])[layer].flatten(2).mean(dim=(0, 2))
    order: list[int] = means.argsort(descending=True)[:count].tolist()
    return order


def _labelled(picture: Picture, label: str) -> Picture:
    line = np.full((LINE, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(line, label, (4, LINE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (20,) * 3, 1,
                cv2.LINE_AA)  # fmt: skip
    return np.vstack([picture, line])


def _sheet(tiles: Sequence[Picture], columns: int) -> Picture:
    """The tiles, all of one size, row by row."""
    columns = min(columns, len(tiles))
    blank = np.full_like(tiles[0], 255)
    tiles = [*tiles, *[blank] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


if __name__ == "__main__":
    main()
