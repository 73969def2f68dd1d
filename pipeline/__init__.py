"""Dream over a video: the way of a frame.

    source   decodes a picture                                            (CPU, ahead in a thread)
    cuts     says where a new shot begins
    flow     finds where each pixel was one frame ago
    camera   prescribes where each pixel was one frame ago
    warp     carries the last dream layer along both onto the picture     (device)
    dreamer  climbs the gradient of an objective of a model's activations
    encoder  writes the dream, and at the end the sound beside it         (ffmpeg)

`pipeline.render.render` is that way as one loop, `compose` what makes everything that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.jobs.job import Job


def compose(*overrides: str) -> Job:
    """Return the job that these settings describe: `compose("input=clip.mp4", "look=lace").run()`.

    overrides: KEY=VALUE as on the command line. See `pipeline.config.compose.compose`. Raises
    UserError.
    """
    from pipeline.config import compose as root  # and with it torch: importing this costs nothing

    return root.compose(*overrides)
