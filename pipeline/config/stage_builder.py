"""Builds the stages of a pipeline from settings, and tries those that change over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from pipeline.config.hydra_config import choice_of, yaml_of
from pipeline.config.instantiate import ScheduledConfig, build
from pipeline.schedule import VARIABLES, Schedule, parse
from pipeline.schedule.namespaces import namespaces

RATE = Fraction(25)
"""Frame rate, in frames per second, with which settings are checked without a video."""
TRIAL = {
    **dict.fromkeys(VARIABLES, 0.0),
    "rate": float(RATE),
    "count": 250.0,
    "duration": 10.0,
}
"""The variables of schedules at the first frame of such a check."""


@dataclass(frozen=True)
class StageBuilder:
    """Builds stages from these settings."""

    settings: Mapping[str, Any]
    """All settings, resolved."""
    choices: Mapping[str, str]
    """Group -> its choice."""
    trusted: list[str]
    """Packages whose code a `_target_` may name."""

    def build(self, group: str) -> Any:
        """Return the stage of a group. Raises UserError."""
        defaults = self._defaults(group)
        return build(self.settings[group], group, trusted=self.trusted, defaults=defaults)

    def scheduled(self, group: str, read: Callable[[str], Schedule]) -> ScheduledConfig:
        """Return the template of a stage that may change over time. Raises UserError.

        read: parses a schedule.
        """
        return ScheduledConfig.of(
            self.settings[group],
            group,
            read,
            trusted=self.trusted,
            defaults=self._defaults(group),
        )

    def trial(self, group: str) -> Any:
        """Return a stage that may change over time, as it is at the first frame of TRIAL.

        Raises UserError.
        """
        stems, midi = self.settings["stems"], self.settings["midi"]
        spaces = namespaces(stems, midi=midi is not None)
        read = partial(parse, rate=float(RATE), count=None, spaces=spaces)
        template = self.scheduled(group, read)
        return template.at({**dict.fromkeys(template.names, 0.0), **TRIAL})

    def _defaults(self, group: str) -> dict[str, Any]:
        """Return the content of the yaml of the group's choice."""
        return yaml_of(group, choice_of(group, self.choices))
