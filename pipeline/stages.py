"""The parts whose settings may change over time, together."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.camera import Camera
from pipeline.dreamer import Dreamer
from pipeline.governor import Governor
from pipeline.objective import Objective
from pipeline.warp import Warp


@dataclass(frozen=True)
class Stages:
    """What one frame is made with."""

    camera: Camera
    """The motion that is prescribed."""
    warp: Warp
    """What carries the last dream layer."""
    governor: Governor
    """What keeps a carried dream in shape."""
    dreamer: Dreamer
    """What climbs the gradient."""
    objective: Objective
    """What there should be more of."""

    def dreams_like(self, other: Stages) -> bool:
        """Return whether dreamer and objective are set as there."""
        return (self.dreamer, self.objective) == (other.dreamer, other.objective)
