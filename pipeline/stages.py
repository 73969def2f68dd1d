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
    """The stages of one frame."""

    camera: Camera
    """The motion that is prescribed."""
    warp: Warp
    """Carries the last dream layer."""
    governor: Governor
    """Corrects a dream that is carried for long."""
    dreamer: Dreamer
    """Climbs the gradient."""
    objective: Objective
    """Scores activations."""

    def dreams_like(self, other: Stages) -> bool:
        """Return whether dreamer and objective are set as there."""
        return (self.dreamer, self.objective) == (other.dreamer, other.objective)
