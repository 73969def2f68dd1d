"""The figures of a sheet, for NAME.explain.json."""

from __future__ import annotations

from typing import Any

from pipeline.explain.attribution import Evidence
from pipeline.explain.explanation import Explanation
from pipeline.explain.words import sentences


def record(explanation: Explanation) -> dict[str, Any]:
    """Return the figures by their names in the file. Peaks are in pixels of the input."""

    def facts(evidence: Evidence) -> dict[str, Any]:
        across, down = explanation.scale
        column, row = evidence.peak
        return {
            "probability": round(evidence.probability, 6),
            "peak": [int((column + 0.5) * across), int((row + 0.5) * down)],
            "covered": round(evidence.covered, 6),
            "covered_randomly": round(evidence.covered_randomly, 6),
        }

    return {
        "steps": explanation.steps,
        "top": {"picture": dict(explanation.before), "dream": dict(explanation.after)},
        "classes": {
            one.name: {
                "picture": facts(one.picture),
                "dream": facts(one.dream),
                **({} if one.control is None else {"control": facts(one.control)}),
            }
            for one in explanation.classes
        },
        "layers": [
            {"layer": one.layer.name, "kind": one.layer.kind, "receptive_field": one.layer.field}
            for one in explanation.layers
        ],
        "channels": {
            "layer": explanation.layer,
            "numbers": [channel.number for channel in explanation.channels],
        },
        "growth": {
            name: [round(share, 6) for share in shares]
            for name, shares in explanation.growth.probabilities.items()
        },
        "sentences": sentences(explanation),
    }
