"""Tables of `bench.py shots`: a video rendered shot by shot, and the cost of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import table

ENGINES = {
    "one after the other": "one after the other",
    "local": "`hydra/launcher=local`",
    "gpus": "`hydra/launcher=gpus` (Ray)",
    "slurm": "`hydra/launcher=slurm` (one node, two jobs at a time)",
}
"""Key of the results -> its label."""


def tables(results: Mapping[str, Any]) -> str:
    """Return the table of renders, and that of launchers."""
    seconds: Mapping[str, float] = results["shots"]
    whole = seconds["one process, two threads"]
    spans = {
        "one process, one thread": seconds["one process, one thread"],
        "one process, two threads": whole,
        f"{seconds['parts']:.0f} parts on two workers": seconds["two workers"],
        "half of the work in the parts": seconds["work in the parts"] / 2,
    }
    return "\n\n".join(
        (
            table(
                ("render", "seconds", "over one process with two threads"),
                [(label, f"{span:.1f}", f"{span / whole:.2f}") for label, span in spans.items()],
            ),
            table(
                ("engine", "cost of a job in addition to its dreaming"),
                [
                    (ENGINES[name], f"{span:.1f} s")
                    for name, span in results["seconds a job"].items()
                ],
            ),
        )
    )
