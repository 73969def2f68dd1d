"""Settings with which every objective is tried on the toy network."""

from __future__ import annotations

from helpers.scenes import texture

from pipeline.frame import Guide

CLASSES = ("tench", "Great Auk", "crane", "tiger cat", "tiger", "tiger shark", "crane",
           *(f"thing {n}" for n in range(9)))  # fmt: skip
"""Of the toy network's last layer."""


GUIDE = Guide(texture(40, 56, seed=5))


NORM = {"_target_": "pipeline.objective.norm.Norm", "weights": None}


SETTINGS: dict[str, list[dict[str, object]]] = {
    "norm": [{"layers": ["first"]}, {"layers": ["second", "third"]},
             {"layers": ["second"], "weights": [-1.0]}],
    "channel": [{"layers": ["second"], "channels": [3]},
                {"layers": ["second", "third"], "channels": [0, 7]}],
    "neuron": [{"layers": ["third"], "channel": 3, "x": 0.3}],
    "strongest": [{"layers": ["second"], "count": 3, "rank": rank}
                  for rank in ("strongest", "average", "weakest")],
    "guide": [{"layers": ["second"], "guide_size": 32},
              {"layers": ["first", "third"], "guide_size": 60}],
    "label": [{"label": 3}, {"label": "great auk"}],
    "weighted": [{"terms": {name: {**NORM, "layers": [name]} for name in ("second", "third")},
                  "weights": {"second": 0.5, "third": "-0.1"}}],
}  # fmt: skip
"""Name of a yaml -> settings of the toy network with which it is tried."""
