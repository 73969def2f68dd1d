"""The stages of a render with their settings at each frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from pipeline.config.instantiate import ScheduledConfig
from pipeline.errors import UserError
from pipeline.frame import Clip
from pipeline.schedule import SOUND, VARIABLES
from pipeline.stages import Stages

UNKNOWN = 36000
"""Number of frames to check if the length of the clip is unknown."""


class AudioVariables(Protocol):
    """The audio variables of schedules at each frame."""

    def at(self, index: int) -> Mapping[str, float]:
        """Return the variables of sounds that schedules use at this frame index."""


@dataclass(frozen=True)
class Timeline:
    """A function from frame index to Stages. The same index always gives the same stages."""

    templates: Mapping[str, ScheduledConfig]
    """Group -> the template of its stage."""
    rate: Fraction
    """Frames per second."""
    sound: AudioVariables | None
    """Audio variables at each frame. None: no schedule uses them."""
    count: int | None = None
    """Number of frames in the clip. None: unknown."""
    first: int = 0
    """Number that the frame with index 0 has in schedules."""

    def __call__(self, index: int) -> Stages:
        """Return the stages with their settings at this frame. Raises UserError."""
        values = self.values(index)
        try:
            stages: dict[str, Any] = {name: t.at(values) for name, t in self.templates.items()}
        except UserError as error:
            raise UserError(_with_time(str(error), values) if index else str(error)) from error
        return Stages(**stages)

    def values(self, index: int) -> dict[str, float]:
        """Return the variables of schedules at this frame."""
        audio = {} if self.sound is None else self.sound.at(index)
        count, frame = self.count or 0, self.first + index
        return {
            "t": float(frame / self.rate),
            "frame": frame,
            "rate": float(self.rate),
            "count": count,
            "duration": float(count / self.rate),
            **audio,
        }

    def check(self, count: int | None) -> None:
        """Raise UserError if the settings are invalid at any frame, so that no render fails midway.

        count: number of frames. None: unknown, so the first UNKNOWN frames are checked.
        """
        frames = UNKNOWN if count is None else count
        # Constant settings are valid at every frame if they are valid at the first.
        changing = any(template.names for template in self.templates.values())
        for index in range(frames if changing else 1):
            self(index)


def timeline(
    templates: Mapping[str, ScheduledConfig],
    clip: Clip,
    analyse: Callable[[Clip, Collection[str]], AudioVariables],
    *,
    first: int = 0,
) -> Timeline:
    """Return the timeline of these stages, checked at every frame of the clip.

    templates: group -> the template of its stage. analyse: returns the audio variables of the clip,
    given those that schedules use; called only if there are any. first: number that the frame with
    index 0 has in schedules. Raises UserError.
    """
    names = {name for template in templates.values() for name in template.names}
    used = {name for name in names if name in SOUND or name not in VARIABLES}
    if clip.count is None:
        for template in templates.values():
            if unknown := template.names & {"count", "duration"}:
                raise UserError(
                    f"{template.key}: must not use {min(unknown)} in a schedule, got a video of "
                    "unknown length; set frames=NUMBER"
                )
    sound = analyse(clip, used) if used else None
    result = Timeline(templates, clip.rate, sound, clip.count, first)
    result.check(clip.count)
    return result


def _with_time(line: str, values: Mapping[str, float]) -> str:
    """Return the error line with the time and frame of the error inserted before the fix."""
    rule, semicolon, fix = line.partition("; ")
    return f"{rule} at {values['t']:.2f} s (frame {values['frame']:g}){semicolon}{fix}"
