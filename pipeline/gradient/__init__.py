"""d score / d image: of whole images or in tiles, within a memory budget."""

from pipeline.gradient.gradient import Gradient

__all__ = ["Gradient"]
