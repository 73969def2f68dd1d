"""Tables of `bench.py gpu`: complete frames on a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

STAGES = ("wait", "warp", "dream", "encode")
"""Stages of the main loop, as in the profile of a render."""
HEAD = (
    *("size, quality and graphs", "frames per second", "ms per frame"),
    *(f"{stage}, ms" for stage in STAGES),
    *("steps per frame", "frame over its steps", "GPU computes", "peak memory, GB"),
)


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of renders, and that of what must hold on a GPU."""
    alone, together = results["seconds per frame, alone and each of two"]
    return "\n\n".join(
        (
            table(HEAD, [row(name, measured) for name, measured in results["renders"].items()]),
            table(
                ("on the GPU", "result"),
                [
                    ("each of two renders at once, over one alone", f"{together / alone:.2f}"),
                    (
                        "killed and resumed, compared with one that ran through",
                        "the same bytes" if results["resumed bytes are the same"] else "differs",
                    ),
                    (
                        "with too little memory",
                        "ends, in tiles" if results["tiles when memory is short"] else "fails",
                    ),
                ],
            ),
        )
    )


def row(name: str, measured: Mapping[str, float]) -> list[str]:
    """Return the cells of one render."""
    return [
        name,
        f"{1 / measured['seconds']:.1f}",
        *(f"{1e3 * measured[key]:.1f}" for key in ("seconds", *STAGES)),
        f"{measured['steps']:.1f}",
        f"{measured['over_steps']:.2f}",
        f"{measured['busy']:.0%}",
        f"{measured['bytes'] / 1e9:.2f}",
    ]
