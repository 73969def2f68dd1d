"""Gradient of a score with respect to an image, whole or in tiles, within a memory budget."""

from pipeline.gradient.gradient import Gradient

__all__ = ["Gradient"]
