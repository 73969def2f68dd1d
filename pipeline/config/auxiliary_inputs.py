"""Builds the auxiliary inputs: readers of the files that mask and guide name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from pipeline.auxiliary.inputs import AuxiliaryInputs
from pipeline.auxiliary.mask import Mask, check_shape
from pipeline.auxiliary.synced import SyncedPictures
from pipeline.config.instantiate import TARGET, build
from pipeline.config.settings import feather_of, parse_flag
from pipeline.errors import errors_of
from pipeline.image_io.suffixes import is_pictures

Yaml: TypeAlias = Callable[[str], Mapping[str, Any]]
"""The name of a kind of source -> what its yaml gives."""

MATTES = {
    "images": "pipeline.source.matte.PictureMattes",
    "video": "pipeline.source.matte.VideoMattes",
}
"""Kind of source -> what reads the same files as masks."""
WHOLE = dict.fromkeys(("start", "end", "frames", "height", "width"))
"""Settings of a source that leave it as it is."""


def auxiliary_inputs_of(
    settings: Mapping[str, Any], source: Any, yaml: Yaml, *, trusted: Sequence[str]
) -> AuxiliaryInputs:
    """Return the auxiliary inputs for this source. settings: of the whole render, resolved.

    Raises UserError for a file that cannot be read, and for a mask of another shape.
    """
    invert = parse_flag("mask_invert", settings["mask_invert"])
    feather = feather_of(settings["mask_feather"])
    clip, mask, guide = source.clip, None, None
    # the frame nearest to what was asked is the first, and there they all start
    asked = Fraction(getattr(source, "start", None) or 0)
    start = float(math.floor(asked * clip.rate + Fraction(1, 2)) / clip.rate)

    def found(key: str, changes: Mapping[str, object]) -> Any:
        """Return the pictures of the file that this key names, with the limits of the input's."""
        kind = "images" if is_pictures(str(settings[key])) else "video"
        node = dict(yaml(kind))
        # of a folder beside a video, every frame has a picture
        given = {**WHOLE, "rate": clip.rate, **changes}
        given |= {"path": settings[key], "limits": settings["limits"]}
        given[TARGET] = MATTES[kind] if key == "mask" else node[TARGET]
        return build({name: given.get(name, node[name]) for name in node}, key, trusted=trusted)

    if settings["mask"] is not None:
        with errors_of("mask"):
            mattes = found("mask", {"height": clip.height, "width": clip.width})
            # a source of another house need not tell its own shape, and that of the dream will do
            size = clip.height, clip.width
            _ = mattes.clip  # refused here, rather than at the first frame
            check_shape(mattes.shape, getattr(source, "shape", size), size)
        mask = Mask(SyncedPictures("mask", mattes, start), invert, feather)
    if settings["guide"] is not None:
        with errors_of("guide"):
            height, width = (side & ~1 for side in found("guide", {}).shape)
            pictures = found("guide", {"height": height, "width": width})
            _ = pictures.clip
        guide = SyncedPictures("guide", pictures, start)
    return AuxiliaryInputs(mask, guide)
