"""Tables of `bench.py sizes`: the same dream at several sizes, and dreaming small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

LARGE, SMALL = 3840, 1280
"""Width of the output and of the dream in pixels, where they differ."""
ENLARGED, SAME = f"{LARGE}, dreamt at {SMALL}", f"{SMALL}"
"""Keys of the flicker in the results."""
HEAD = (
    *("picture", "width, pixels", "mean frequency, cycles per height", "strength"),
    "correlation with the smallest",
)


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of pictures and widths, and that of dreaming small."""
    looks = [row(name, figures) for name, rows in results["looks"].items() for figures in rows]
    seconds, flicker = results["seconds"], results["flicker"]
    small = seconds[str(SMALL)]
    return "\n\n".join(
        (
            table(HEAD, looks),
            table(
                (f"frames {LARGE} pixels wide", "s per frame", "relative", "flicker"),
                [
                    (f"dreamt at {LARGE}", f"{seconds['null']:.1f}", "1", "not measured"),
                    (
                        f"dreamt at {SMALL}",
                        f"{small:.1f}",
                        f"{small / seconds['null']:.2f}",
                        f"{flicker[ENLARGED]:.4f}",
                    ),
                    (
                        f"for comparison: frames {SMALL} pixels wide",
                        *("not measured", "not measured", f"{flicker[SAME]:.4f}"),
                    ),
                ],
            ),
        )
    )


def row(name: str, figures: Mapping[str, float]) -> list[str]:
    """Return the cells of one picture at one width."""
    return [
        name,
        f"{figures['width']:.0f}",
        f"{figures['centroid']:.1f}",
        f"{figures['deviation']:.3f}",
        f"{figures['correlation']:.2f}",
    ]
