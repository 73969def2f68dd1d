"""Builds the auxiliary inputs: readers of the files that `mask` and `guide` name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from pipeline.auxiliary.inputs import AuxiliaryInputs
from pipeline.auxiliary.mask import Mask, check_shape, has_shape
from pipeline.auxiliary.synced import SyncedPictures
from pipeline.config.instantiate import build
from pipeline.config.settings import feather_of, parse_flag
from pipeline.config.targets import TARGET
from pipeline.errors import errors_of
from pipeline.image_io.suffixes import is_pictures
from pipeline.source.fitting import Placed

Yaml: TypeAlias = Callable[[str], Mapping[str, Any]]
"""A function from the name of a source's choice to the content of its yaml file."""

MATTES = {
    "images": "pipeline.source.matte.PictureMattes",
    "video": "pipeline.source.matte.VideoMattes",
}
"""Choice of source -> the class that reads the same files as masks."""
WHOLE: Mapping[str, object] = {
    **dict.fromkeys(("start", "end", "frames", "height", "width")),
    "fitting": {"aspect": None, "fit": "stretch", "centre": [0.5, 0.5], "crop": None},
}
"""Settings of a source that neither trim nor crop nor scale it."""


def auxiliary_inputs_of(
    settings: Mapping[str, Any],
    source: Any,
    yaml: Yaml,
    *,
    speed: float = 1.0,
    trusted: Sequence[str],
) -> AuxiliaryInputs:
    """Return the auxiliary inputs for this source.

    settings: all settings, resolved. speed: seconds of the source per second of the render. yaml:
    content of a source's yaml file. trusted: packages whose code a `_target_` may name. Raises
    UserError for a file that cannot be read and for a mask whose shape does not fit the source.
    """
    invert = parse_flag("mask_invert", settings["mask_invert"])
    feather = feather_of(settings["mask_feather"])
    clip, mask, guide = source.clip, None, None
    # the first frame is the one nearest to the requested time; mask and guide start at its time
    requested_start = Fraction(getattr(source, "start", None) or 0)
    start = float(math.floor(requested_start * clip.rate + Fraction(1, 2)) / clip.rate)

    def open_pictures(key: str, changes: Mapping[str, object]) -> Any:
        """Return the reader of the file that this setting names, with the same limits as the input.

        changes: settings of the reader that differ from WHOLE.
        """
        kind = "images" if is_pictures(str(settings[key])) else "video"
        node = dict(yaml(kind))
        # a folder of pictures has one for each frame of the input
        values = {**WHOLE, "rate": clip.rate, **changes}
        values |= {"path": settings[key], "limits": settings["limits"]}
        values[TARGET] = MATTES[kind] if key == "mask" else node[TARGET]
        return build({name: values.get(name, node[name]) for name in node}, key, trusted=trusted)

    if settings["mask"] is not None:
        with errors_of("mask"):
            mattes = open_pictures("mask", {"height": clip.height, "width": clip.width})
            # a source from another package may have no `shape`: compare with the size of the dream
            size = clip.height, clip.width
            shape, placement = (getattr(source, key, None) for key in ("shape", "placement"))
            _ = mattes.clip  # raises here rather than at the first frame
            check_shape(mattes.shape, shape or size, size)
            # without a crop or padding, the reader above gives the same pictures
            if shape and placement and not placement.is_plain and has_shape(mattes.shape, shape):
                height, width = placement.scaled
                mattes = Placed(
                    open_pictures("mask", {"height": height, "width": width}), placement
                )
        mask = Mask(SyncedPictures("mask", mattes, start, speed), invert, feather)
    if settings["guide"] is not None:
        with errors_of("guide"):
            height, width = (side & ~1 for side in open_pictures("guide", {}).shape)
            pictures = open_pictures("guide", {"height": height, "width": width})
            _ = pictures.clip
        guide = SyncedPictures("guide", pictures, start, speed)
    return AuxiliaryInputs(mask, guide)
