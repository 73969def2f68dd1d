"""The line that is printed at the end of a render, or of several stills."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.errors import printable
from pipeline.jobs.job import RenderResult

CALMNESS = (
    (0.005, "very calm"),
    (0.02, "calm"),
    (0.1, "restless"),
    (math.inf, "flickering"),
)
"""Upper limit of the flicker -> what a viewer sees. Blending frames gives 0.2 to 0.5."""


def summary(outcome: RenderResult) -> str:
    """Return a line with the path of the output, and the cost and metrics of what was made."""
    figures = outcome.figures
    phrases = _of_stills(figures) if "pictures" in figures else _of_render(figures)
    return f"{printable(outcome.output)}: {'; '.join(phrases)}"


def _of_render(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the phrases of a video or a single still."""
    spent, frames = figures["seconds_per_frame"]["total"], figures["frames"]
    dreamt = figures.get("dreamt_frames", frames)  # missing in reports of earlier versions
    yield _cost(frames, "frame", spent * dreamt, spent)
    gain, flicker = figures["gain"], figures["flicker"]
    if gain is not None:
        yield (
            f"gain {gain['mean']:.2f} (the network responds {gain['mean']:.1f} times as strongly "
            "as to the source)"
        )
    if flicker is not None:
        word = next(word for limit, word in CALMNESS if flicker < limit)
        yield f"flicker {flicker} ({word})"
    drift = figures.get("drift")  # missing in reports of earlier versions
    if drift:
        worst = max(drift, key=lambda shot: abs(math.log(float(shot["ratio"]))))
        yield (
            f"in the shot from frame {worst['frame']}, {worst['band']} detail is {worst['ratio']} "
            "times as strong at the end as at the beginning"
        )
    seams = figures.get("seams")  # missing in reports of earlier versions
    if seams:
        worst = max(seams, key=lambda seam: float(seam["difference"]))
        yield (
            f"{len(seams)} seam{'s' * (len(seams) != 1)}, the largest difference "
            f"{worst['difference']} at frame {worst['frame']}"
        )


def _of_stills(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the phrases of several stills, each dreamt separately."""
    pictures, left_out = figures["pictures"].values(), figures["left_out"]
    seconds = [picture["seconds_per_frame"]["total"] for picture in pictures]
    gains = [picture["gain"]["mean"] for picture in pictures if picture["gain"] is not None]
    yield _cost(len(seconds), "picture", sum(seconds), statistics.fmean(seconds))
    if gains:
        yield f"gain {statistics.fmean(gains):.2f}"
    if left_out:
        yield f"{len(left_out)} skipped"


def _cost(count: int, unit: str, seconds: float, seconds_each: float) -> str:
    """Return how many frames or pictures were made in how much time."""
    return (
        f"{count} {unit}{'s' * (count != 1)} in {seconds:.0f} s ({seconds_each:.2f} s per {unit})"
    )
