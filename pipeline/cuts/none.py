"""No cut detection: the whole video is one shot."""

from pipeline.cuts import OneShot

__all__ = ["OneShot"]
