"""The parts of a render as they are set at each of its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from pipeline.config.instantiate import ScheduledConfig
from pipeline.errors import UserError
from pipeline.frame import Clip
from pipeline.schedule import SOUND
from pipeline.stages import Stages

UNKNOWN = 36000
"""Frames that are tried where nobody knows how many there will be."""


class AudioVariables(Protocol):
    """The audio variables of schedules."""

    def at(self, index: int) -> Mapping[str, float]:
        """Return every variable of schedule.SOUND at the frame of that index."""


@dataclass(frozen=True)
class Timeline:
    """Called with the index of a frame, its Stages; the same index always gives the same."""

    templates: Mapping[str, ScheduledConfig]
    """Group -> what its stage is made from."""
    rate: Fraction
    """Frames a second."""
    sound: AudioVariables | None
    """The audio variables at each frame, None = no schedule uses them."""
    count: int | None = None
    """Frames of the whole, None = unknown."""
    first: int = 0
    """Number of the first frame in schedules."""

    def __call__(self, index: int) -> Stages:
        """Return the parts as they are set at this frame. Raises UserError."""
        values = self.values(index)
        try:
            stages: dict[str, Any] = {name: t.at(values) for name, t in self.templates.items()}
        except UserError as error:
            raise UserError(_dated(str(error), values) if index else str(error)) from error
        return Stages(**stages)

    def values(self, index: int) -> dict[str, float]:
        """Return the variables of schedules at this frame."""
        heard = {} if self.sound is None else self.sound.at(index)
        count, frame = self.count or 0, self.first + index
        return {
            "t": float(frame / self.rate),
            "frame": frame,
            "rate": float(self.rate),
            "count": count,
            "duration": float(count / self.rate),
            **heard,
        }

    def check(self, count: int | None) -> None:
        """Try every frame, so that nothing fails in the middle. Raises UserError."""
        frames = UNKNOWN if count is None else count
        # What does not change is refused at the first frame, or never.
        changing = any(template.names for template in self.templates.values())
        for index in range(frames if changing else 1):
            self(index)


def timeline(
    templates: Mapping[str, ScheduledConfig],
    clip: Clip,
    analyse: Callable[[Clip], AudioVariables],
    *,
    first: int = 0,
) -> Timeline:
    """Return the timeline of these parts, tried over the whole clip. Raises UserError.

    analyse: of the clip's sound; called only if a schedule asks for it. first: number of the first
    frame in schedules.
    """
    heard = any(template.names & set(SOUND) for template in templates.values())
    if clip.count is None:
        for template in templates.values():
            if asked := template.names & {"count", "duration"}:
                raise UserError(
                    f"{template.key}: must not use {min(asked)} of a video whose length is not "
                    "known; set frames=NUMBER"
                )
    made = Timeline(templates, clip.rate, analyse(clip) if heard else None, clip.count, first)
    made.check(clip.count)
    return made


def _dated(line: str, values: Mapping[str, float]) -> str:
    """Return the line with the moment at which it came up, before its remedy."""
    rule, semicolon, fix = line.partition("; ")
    return f"{rule} at {values['t']:.2f} s (frame {values['frame']:g}){semicolon}{fix}"
