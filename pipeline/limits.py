"""Upper limits on inputs and results; conf/config.yaml has their defaults."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UserError
from pipeline.runtime.memory_limit import GIB, SHARE, available_memory

Positive = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
"""Positive seconds, or frames per second: up to 31 years, which can be counted in microseconds."""


@dataclass(frozen=True)
class Limits:
    """Upper limits on inputs and results."""

    pixels: Annotated[int, Field(ge=256, lt=2**31)]
    """Maximum number of pixels of a picture."""
    frames: Annotated[int, Field(ge=1, le=10**12)]
    """Maximum number of frames of the result."""
    gap_seconds: Positive
    """Longest gap between two pictures, in seconds."""
    rate: Positive
    """Highest frame rate, in frames per second."""
    stall_seconds: Positive
    """Longest time without a byte from a file or a decoder, in seconds."""
    memory: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None
    """Memory that one process may use, in GiB. None: nine tenths of the available memory."""

    @property
    def bytes(self) -> int:
        """Memory that one process may use, in bytes."""
        return round(SHARE * available_memory() if self.memory is None else self.memory * GIB)

    def check_frames(self, key: str, count: int | None) -> None:
        """Raise UserError if `count` frames are more than allowed. None: unknown, always allowed.

        key: the setting that determines the count.
        """
        if count is not None and count > self.frames:
            raise UserError(
                f"{key}: must give at most limits.frames={self.frames} frames, got {count}; "
                f"set frames={self.frames}, or limits.frames={count}"
            )

    def check_rate(self, key: str, rate: float) -> None:
        """Raise UserError if `rate`, in frames per second, is higher than allowed.

        key: the setting that determines the rate.
        """
        if rate > self.rate:
            fix = "convert the file" if key == "input" else f"set {key}={self.rate:g}"
            # rounded up, so that the suggested limit allows this rate
            raise UserError(
                f"{key}: must have at most limits.rate={self.rate:g} frames/s, got {rate:g}; "
                f"{fix}, or set limits.rate={math.ceil(rate)}"
            )
