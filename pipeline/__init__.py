"""DeepDream for video and animation. Each frame passes through these stages:

    source    decodes the picture                                         (CPU, ahead in a thread)
    cuts      detects where a new shot starts
    flow      estimates where each pixel was one frame ago
    camera    prescribes where each pixel was one frame ago               (device)
    warp      moves the last dream layer along both, onto the picture     (device)
    governor  stabilises a dream that is carried over many frames         (device)
    dreamer   climbs the gradient of a score of a model's activations     (device)
    encoder   writes the dream and, at the end, adds the sound            (ffmpeg)

`pipeline.render.render` is the loop over the frames; `compose` builds everything that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.jobs.job import Job


def compose(*overrides: str) -> Job:
    """Return the job for these settings: `compose("input=clip.mp4", "look=lace").run()`.

    overrides: KEY=VALUE as on the command line. See `pipeline.config.compose.compose`. Raises
    UserError for invalid settings.
    """
    from pipeline.config import compose as root  # imports torch, so `import pipeline` stays fast

    return root.compose(*overrides)
