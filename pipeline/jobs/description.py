"""The lines that describe a job before its first frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pipeline.errors import printable
from pipeline.frame import Clip
from pipeline.objective import Objective


def describe(
    *,
    input_: Path | None,
    output: Path,
    clip: Clip,
    dream_size: tuple[int, int],
    choices: Mapping[str, str],
    objective: Objective,
    device: torch.device,
    precision: str,
) -> tuple[str, ...]:
    """Return the lines: input, output, and what dreams it.

    input_: None: noise. dream_size: (height, width) in pixels. choices: group -> its choice.
    precision: of the network.
    """
    source = "noise" if input_ is None else printable(input_)
    layers: Sequence[str] = getattr(objective, "layers", ())
    dream = [
        f"{group} {choices[group]}"
        for group in ("recipe", "look", "quality")
        if choices.get(group) not in (None, "None", "null")
    ]
    height, width = dream_size
    at_size = "" if dream_size == (clip.height, clip.width) else f"{width}x{height} pixels; "
    of_layers = f" of {', '.join(layers)}" if layers else ""
    dream.append(f"objective {choices['objective']}{of_layers}")
    dream.append(f"network {choices['model']}")
    count = torch.get_num_threads()
    threads = f", {count} thread{'s' * (count > 1)}" if device.type == "cpu" else ""
    return (
        f"input: {source}, {_length(clip)}",
        f"output: {printable(output)}, {clip.width}x{clip.height} pixels, {choices['encoder']}",
        f"dream: {at_size}{'; '.join(dream)}; on {device} in {precision}{threads}",
    )


def _length(clip: Clip) -> str:
    """Return the number of frames, their rate, the duration and whether there is sound."""
    if clip.count == 1:
        return "one picture"
    rate = f"{float(clip.rate):.6g} frames/s"
    length = "unknown length" if clip.count is None else f"{clip.count} frames"
    duration = "" if clip.count is None else f" ({float(clip.count / clip.rate):.1f} s)"
    sound = "with sound" if clip.tracks is not None and clip.tracks.audio else "no sound"
    return f"{length} at {rate}{duration}, {sound}"
