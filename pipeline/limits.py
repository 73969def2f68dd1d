"""What no input may ask for more of: conf/config.yaml has the figures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UserError
from pipeline.runtime.memory_limit import GIB, SHARE, available_memory

Positive = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
"""Seconds, or so many a second: 31 years are enough, and leave room to count in microseconds."""


@dataclass(frozen=True)
class Limits:
    """Upper limits of inputs and results."""

    pixels: Annotated[int, Field(ge=256, lt=2**31)]
    """Of a picture."""
    frames: Annotated[int, Field(ge=1, le=10**12)]
    """Of the result."""
    gap_seconds: Positive
    """Between two pictures."""
    rate: Positive
    """Frames a second."""
    stall_seconds: Positive
    """Without a byte."""
    memory: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None
    """GiB that one process may hold, None = what the machine has to give."""

    @property
    def bytes(self) -> int:
        """Of memory, that one process may hold."""
        return round(SHARE * available_memory() if self.memory is None else self.memory * GIB)

    def check_frames(self, key: str, count: int | None) -> None:
        """Check that so many frames may be made; None = unknown. Raises UserError.

        key: the setting that asks for them.
        """
        if count is not None and count > self.frames:
            raise UserError(
                f"{key}: must give at most limits.frames={self.frames} frames, got {count}; "
                f"ask for fewer, or set limits.frames={count}"
            )

    def check_rate(self, key: str, rate: float) -> None:
        """Check that so many frames may pass in a second. Raises UserError.

        key: the setting that asks for them.
        """
        if rate > self.rate:
            raise UserError(
                f"{key}: must have at most limits.rate={self.rate:g} frames a second, "
                f"got {rate:g}; ask for fewer, or set limits.rate={rate:g}"
            )
