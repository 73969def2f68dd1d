"""No anchors: content that reappears is given a new dream."""

from pipeline.anchors import NoAnchors

__all__ = ["NoAnchors"]
