"""Mask and guide, in step with the input."""
