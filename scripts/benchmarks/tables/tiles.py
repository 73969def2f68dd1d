"""Tables of `bench.py tiles`: a picture in tiles compared with the untiled one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

DREAMS = {"jitter": "with jitter", "no_jitter": "without jitter"}


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of gradient, time and memory, and that of dreams."""
    tiles, times = results["tiles"], results["time_a_pixel"]
    sizes, moved = list(times), results["gradient_off_by_interpolation"]
    figures = {
        f"gradient in {tiles} tiles, difference from the untiled one, in its standard "
        "deviations": f"{results['gradient_off']:.3f}",
        "for comparison: carrying the gradient half a pixel and back": f"{moved:.2f}",
        f"time per pixel from {sizes[0]} to {sizes[-1]}, deviation from a straight "
        "line": f"within {math.ceil(100 * (max(times.values()) - 1))} %",
        "time in tiles over untiled, 1920x1080": f"{results['tiles_over_whole_1920x1080']:.2f}",
        f"peak memory of a still of {sizes[-1]}": f"{results['peak_memory_bytes'] / 1e9:.2f} GB",
    }
    return f"{table(('tiles', 'figure'), list(figures.items()))}\n\n{_dreams(results)}"


def _dreams(results: Mapping[str, Any]) -> str:
    found = [results[name] for name in DREAMS]
    rows = {
        "difference caused by tiles, in standard deviations of the layer": [
            f"{dream['layer_off']:.2f}" for dream in found
        ],
        "for comparison: difference caused by rounding the picture to 8 bits": [
            f"{dream['layer_off_by_noise']:.2f}" for dream in found
        ],
        "score over that of the untiled dream": [
            f"{dream['score_over_whole']:.3f}" for dream in found
        ],
        "energy at the seams over that next to them, over the untiled one's": [
            f"{dream['seam_energy'] / dream['seam_energy_whole']:.2f}" for dream in found
        ],
    }
    return table(
        ("dream in tiles", *DREAMS.values()), [(label, *cells) for label, cells in rows.items()]
    )
