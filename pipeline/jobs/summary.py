"""The line that is printed at the end of a render."""

from __future__ import annotations

import math
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
    """Return a line with the path of the output, and the cost and metrics of the render."""
    figures = outcome.figures
    spent: Any = figures["seconds_per_frame"]
    gain: Any = figures["gain"]
    flicker: Any = figures["flicker"]
    frames: Any = figures["frames"]
    dreamt: Any = frames + figures.get("loop_frames", 0)
    phrases = [
        f"{frames} frame{'' if frames == 1 else 's'} in {spent['total'] * dreamt:.0f} s "
        f"({spent['total']:.2f} s per frame)"
    ]
    if gain is not None:
        phrases.append(
            f"gain {gain['mean']:.2f} (the network responds {gain['mean']:.1f} times as strongly "
            "as to the source)"
        )
    if flicker is not None:
        word = next(word for limit, word in CALMNESS if flicker < limit)
        phrases.append(f"flicker {flicker} ({word})")
    drift: Any = figures.get("drift")  # missing in reports of earlier versions
    if drift:
        worst = max(drift, key=lambda shot: abs(math.log(float(shot["ratio"]))))
        phrases.append(
            f"in the shot from frame {worst['frame']}, {worst['band']} detail is {worst['ratio']} "
            "times as strong at the end as at the beginning"
        )
    seams: Any = figures.get("seams")  # missing in reports of earlier versions
    if seams:
        worst = max(seams, key=lambda seam: float(seam["difference"]))
        phrases.append(
            f"{len(seams)} seam{'s' * (len(seams) != 1)}, the largest difference "
            f"{worst['difference']} at frame "
            f"{worst['frame']}"
        )
    return f"{printable(outcome.output)}: {'; '.join(phrases)}"
