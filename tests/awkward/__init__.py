"""Awkward inputs, made with the bundled ffmpeg, and what is right for each. One file a kind."""

from __future__ import annotations

from awkward import colour, damage, geometry, hostile, names, streams, timing

KINDS = (timing, geometry, colour, damage, streams, names, hostile)
CASES = [case for kind in KINDS for case in kind.CASES]
