"""Awkward inputs, made with the bundled ffmpeg, and what is right for each. One file a kind."""

from __future__ import annotations

from awkward import colour, geometry, timing

CASES = [case for kind in (timing, geometry, colour) for case in kind.CASES]
