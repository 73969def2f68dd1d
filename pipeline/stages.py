"""The stages whose settings may change over time."""

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
    """Prescribes motion in addition to that of the footage."""
    warp: Warp
    """Carries the last dream layer along the motion."""
    governor: Governor
    """Corrects a dream that is carried for long."""
    dreamer: Dreamer
    """Climbs the gradient of the objective."""
    objective: Objective
    """Scores the activations of the model."""

    def dreams_like(self, other: Stages) -> bool:
        """Return whether dreamer and objective have the same settings as those of `other`."""
        return (self.dreamer, self.objective) == (other.dreamer, other.objective)
