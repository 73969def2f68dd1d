"""Literal results of every benchmark, in the form that it returns, and what its tables show."""

from __future__ import annotations

from typing import Any

from benchmarks.tables.shaping import DEFAULTS

BLEND, FLOW = "blend .85, 4 x 10", "flow-warped blend, photometric mask, 4 x 5"
DRAFT, OURS = "dreamreel, quality=draft", "dreamreel, defaults"


def found(seconds: float, gain: float, flicker: float, steps: float) -> dict[str, float]:
    return {"seconds a frame": seconds, "gain": gain, "flicker": flicker, "steps": steps}


def energy(low: float, high: float) -> dict[str, float]:
    return {"low": low, "high": high, "mean": 1.0, "off_mean": 0.1, "trend": 0.0, "last": 1.0}


def statistics(low: float, high: float) -> dict[str, float]:
    return {"median": 0.4, "low": low, "high": high}


PEERS = {
    "EfficientNet-Lite0 to blocks.9: a step": 4.2,
    "EfficientNet-Lite0 to blocks.9": {
        BLEND: found(1.62, 4.37, 0.495, 19.0),
        FLOW: found(0.84, 3.59, 0.238, 9.52),
        DRAFT: found(0.12, 3.65, 0.0214, 2.8),
        OURS: found(0.27, 4.75, 0.015, 8.2),
    },
    "GoogLeNet to inception4c: a step": 3.1,
    "GoogLeNet to inception4c": {
        BLEND: found(2.72, 900.0, 0.4, 19.0),
        FLOW: found(1.36, 700.0, 0.2, 9.52),
        DRAFT: found(0.17, 600.0, 0.02, 2.8),
        OURS: found(0.4, 800.0, 0.01, 8.2),
    },
}
SHAPED = {"flicker": 0.0031, "gain": 2.47, "contrast": 0.2, "chroma": 0.1, "finest": 0.05,
          "away": 0.1, "seconds": 0.4}  # fmt: skip
TILED = {"psnr": 30.1, "layer_off": 1.212, "layer_off_by_noise": 1.3, "score_over_whole": 0.9938,
         "seam_energy": 0.0021, "seam_energy_whole": 0.002}  # fmt: skip
EXAMPLES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "busy": (
        {
            "seconds_per_frame": {"quiet": [0.4, 0.5, 0.3], "busy": [0.6], "two": [0.7, 0.9]},
            "sweep_seconds": {"local": [20.0], "basic": [25.0, 24.0, 26.0]},
        },
        (
            "| quiet | 0.40 | 1.00 |",
            "| next to one busy process | 0.60 | 1.50 |",
            "| each of two renders | 0.80 | 2.00 |",
            "| two at a time (`hydra/launcher=local`) | 20.0 | 0.80 |",
        ),
    ),
    "coherence": (
        {
            "table": {
                "blend .5, 4 x 10": {"flicker": 0.2814, "gain": 2.36, "steps": 19.04},
                OURS: {"flicker": 0.00361, "gain": 2.517, "steps": 3.6},
            },
            "gain over each-frame-alone's, frames 10..99": "mean 1.246, -0.100 +0.111",
            "gain where content entered 0.5..1 s ago over gain elsewhere": "0.890 (each frame "
            "alone: 1.068)",
            "flicker of a still scene after frame 10": "0.00051",
            "first frame after a cut against a fresh start, largest difference": 0.0,
        },
        (
            "| blend .5, 4 x 10 | 0.2814 | 2.36 | 19.0 |",
            "| **dreamreel, defaults** | **0.0036** | **2.52** | **3.6** |",
            "| flicker of a still scene after frame 10 | 0.00051 |",
        ),
    ),
    "cost": (
        {
            "seconds a step": {"320x180": 0.0576, "640x360": 0.2304, "960x540": 0.5184},
            "seconds": {50: 5.0, 100: 10.0, 250: 25.0, 500: 60.0},
        },
        (
            "| a step, 320x180 to 960x540 | 0.0 % |",
            # of 500 frames, which took a fifth longer, the line follows most but not all
            "| a render, 50 to 500 frames | 9.",
        ),
    ),
    "drift": (
        {
            "pan .3": {
                **{band: energy(0.982, 1.045) for band in ("fine", "middle", "coarse")},
                "gain": 2.71,
                "clipped": [0.02, 0.03],
            },
            "bikes shot 2": {
                **{
                    band: energy(0.84, 1.22) | {"fresh_low": 0.97, "fresh_high": high}
                    for band, high in (("fine", 1.18), ("middle", 1.32), ("coarse", 1.23))
                },
                "gain": 3.19,
                "clipped": [0.02, 0.03],
            },
        },
        (
            "| pan .3 | 0.98 .. 1.04 | 0.98 .. 1.04 | 0.98 .. 1.04 | 2.71 |",
            "| bikes shot 2 | 0.97 .. 1.18 | 0.97 .. 1.32 | 0.97 .. 1.23 |",
        ),
    ),
    "endurance": (
        {
            name: {
                "luminance": statistics(-0.091, 0.056),
                "contrast": statistics(-0.11, 0.111),
                "chroma": statistics(-0.085, 0.096),
                "high_band": statistics(-0.113, 0.132),
                "clipped": {"most": 0.0408},
                "distance": {"at_200": 0.27, "least": 0.756, "mean": 1.13},
            }
            for name in ("governed", "free")
        },
        (
            "| governed (default) | -9 .. +6 % | -11 .. +11 % | -8 .. +10 % | -11 .. +13 % "
            "| 4.1 % | 0.76 |",
        ),
    ),
    "gpu": (
        {
            "renders": {
                "640x272, normal, compile=graphs": {
                    "seconds": 0.05,
                    "wait": 0.01,
                    "warp": 0.002,
                    "dream": 0.03,
                    "encode": 0.001,
                    "steps": 8.25,
                    "over_steps": 1.5,
                    "busy": 0.625,
                    "bytes": 1.234e9,
                },
            },
            "seconds per frame, alone and each of two": [0.05, 0.08],
            "resumed bytes are the same": True,
            "tiles when memory is short": False,
        },
        (
            "| 640x272, normal, compile=graphs | 20.0 | 50.0 | 10.0 | 2.0 | 30.0 | 1.0 | 8.2 | "
            "1.50 | 62% | 1.23 |",
            "| each of two renders at once, over one alone | 1.60 |",
            "| killed and resumed, compared with one that ran through | the same bytes |",
            "| with too little memory | fails |",
        ),
    ),
    "graphs": (
        {"EfficientNet-Lite0 to blocks.9, 640x272, tf32": [3.7, 6.0, 0.924, 1.67]},
        ("| EfficientNet-Lite0 to blocks.9, 640x272, tf32 | 3.70 | 6.00 | 0.92 | 1.67 |",),
    ),
    "memory": (
        {
            "reappeared": {
                "hidden for 5 frames": {"defaults": {"correlation": 0.96, "energy": 0.86}}
            },
            "entering": {"defaults": {"gain": 0.612, "jump": 1.04}},
            "dissolves": {
                "8 frames": {
                    "defaults": {"correlation": 0.021, "gain": 0.93, "strength": 0.95},
                    "all of it off": {"correlation": 0.38, "gain": 1.0, "strength": 1.0},
                }
            },
            "fades": {
                "fade to black": {"defaults": {"on blank": 0.0, "blank steps": 0, "jump": 0.05}}
            },
            "bars": {"defaults": {"in bars": 0.0, "between them": 24.6}},
        },
        (
            "| hidden for 5 frames, defaults | 0.96 | 0.86 |",
            "| defaults | 0.61 | 1.04 |",
            "| 8 frames, defaults | 0.02 | 0.93 | 0.95 |",
            "| 8 frames, all of it off | 0.38 | 1.00 | 1.00 |",
            "| fade to black, defaults | 0 | 0 | 0.05 |",
            "| defaults | 0 | 25 |",
        ),
    ),
    "motion": (
        {
            **{f"zoom at {rate}": 1.5 for rate in (24, 30)},
            "zoom at 60": 1.5031,
            "degrees at 24": 11.94,
            "right at 24": 0.1,
            "down at 24": -0.0606,
            "down at 30": -0.06,
            "loop: the seam's difference over the median one": 1.174,
            "cross-fade of two layers: the largest difference over the median one": 1.07,
        },
        (
            "| zoom of 1.5 per second | 0.3 % |",
            "| rotation of 12 degrees per second | 0.6 % |",  # 0.5 %, a bit more in binary
            "| pan of 0.1 widths to the right and 0.06 heights up per second | 1.1 % |",
            "| where a loop closes | 1.17 |",
        ),
    ),
    "pareto": (
        {"draft": found(0.12, 3.65, 0.0214, 2.8)},
        ("| method | s per frame | gain | flicker | steps |", "| draft | 0.12 | 3.65 | 0.0214 |"),
    ),
    "peers": (
        PEERS,
        (
            "| blend .85, 4 x 10 | 1.62 | 4.37 | 0.4950 | 19.0 |",
            "| **dreamreel, quality=draft** | 0.12 | 3.65 | 0.0214 | 2.8 |",
            "| dreamreel, defaults | 0.40 |",
            "| a gradient step | 4.2 | 3.1 |",
            "| dreamreel, defaults, over blend .85, 4 x 10 | 6.0 | 6.8 |",
            "| dreamreel, quality=draft, over flow-warped blend, photometric mask, 4 x 5 | 7.0 |",
        ),
    ),
    "precision": (
        {
            "table": {
                "efficientnet_lite0, blocks.9": {
                    "gain in float32": 3.784,
                    "gain in bfloat16": 3.81,
                    "agreement": 0.68,
                    "agreement after noise": 0.5,
                },
            },
        },
        ("| efficientnet_lite0, blocks.9 | 3.78 | 3.81 | 0.68 | 0.50 |",),
    ),
    "qualities": (
        {"table": {"draft": {"flicker": 0.0043, "gain": 2.25, "steps": 2.3}}},
        ("| `draft` | 0.0043 | 2.25 | 2.3 |",),
    ),
    "retiming": (
        {
            "table": {
                "every frame filmed": {"psnr": None, "flicker": 0.0031, "gain": 2.5, "steps": 3.6},
                "blended": {"psnr": 25.14, "flicker": 0.0312, "gain": 2.4, "steps": 3.6},
            },
        },
        (
            "| every frame filmed | exact | 0.0031 | 2.50 |",
            "| blended | 25.1 dB | 0.0312 | 2.40 |",
        ),
    ),
    "shaping": (
        {"table": {DEFAULTS: SHAPED, "falloff=1": SHAPED | {"chroma": 0.137, "seconds": 0.42}}},
        (
            "| defaults (smoothing=0.5) | 0.0031 | 2.47 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | the",
            "| falloff=1 | 0.0031 | 2.47 | 1.00 | 1.37 | 1.00 | 1.00 | 1.05 | clouds of",
        ),
    ),
    "shots": (
        {
            "shots": {
                "parts": 5,
                "one process, one thread": 100.0,
                "one process, two threads": 60.0,
                "two workers": 63.6,
                "work in the parts": 102.0,
            },
            "seconds a job": {"one after the other": 0.81, "local": 0.6},
        },
        (
            "| 5 parts on two workers | 63.6 | 1.06 |",
            "| half of the work in the parts | 51.0 | 0.85 |",
            "| one after the other | 0.8 s |",
            "| `hydra/launcher=local` | 0.6 s |",
        ),
    ),
    "sizes": (
        {
            "looks": {
                "bunny": [
                    {"width": 480, "centroid": 26.59, "deviation": 0.0981, "correlation": 1.0},
                    {"width": 960, "centroid": 26.37, "deviation": 0.1033, "correlation": 0.478},
                ]
            },
            "seconds": {"null": 6.9631, "1280": 0.8742},
            "flicker": {"3840, dreamt at 1280": 0.00297, "1280": 0.00286},
        },
        (
            "| bunny | 960 | 26.4 | 0.103 | 0.48 |",
            "| dreamt at 3840 | 7.0 | 1 | not measured |",
            "| dreamt at 1280 | 0.9 | 0.13 | 0.0030 |",
        ),
    ),
    "speed": (
        {"ratios": [1.553, 1.536, 1.512], "peak_memory_bytes": [937955328, 941244416]},
        (
            "median of 3 (range) | 1.54 (1.51 to 1.55) |",
            "| peak memory of 100 frames | 895 MiB |",
            "| peak memory of 1000 frames | 898 MiB |",
        ),
    ),
    "startup": (
        {"import torch, torchvision": 2.4, "the first step": 2.95, "--help": 0.8, "TAB": 0.19},
        (
            "| the same, after those imports would have ended | 0.55 |",
            "| TAB completion | 0.19 |",
        ),
    ),
    "step": (
        {
            "GoogLeNet to inception4c, bf16": {
                threads: {
                    "bare ms": bare,
                    "step over bare": 1.06,
                    "GFLOP/s": 450.4,
                    "chip's GFLOP/s": 996.0,
                    "GB/s": 10.0,
                    "chip's GB/s": 45.0,
                    "share of the roof": 0.625,
                }
                for threads, bare in ((1, 70.0), (2, 35.0))
            }
        },
        (
            "| GoogLeNet to inception4c, bf16 | 35.0 | 1.06 times that |",
            "| GoogLeNet to inception4c, bf16 | 450 | 996 | 10 | 45 | 1.6 |",
        ),
    ),
    "survival": (
        {
            **{
                f"{name} {figure}": pair
                for name in ("dreamt", "passed")
                for figure, pair in {
                    "memory": (300 * 2**20, 303 * 2**20),
                    "files": (12, 12.0),
                    "threads": (8, 8),
                    "children": (0, 0),
                    "seconds a frame": (0.01, 0.0101),
                }.items()
            },
            "seconds a save": 0.0104,
        },
        (
            "| dreaming: memory | 300 MiB | 303 MiB | +1.0 % |",
            "| passing pictures through: child processes | 0 | 0 | - |",
            "| dreaming: time per frame | 10.0 ms | 10.1 ms | +1.0 % |",
            "| saving a checkpoint | 10 ms | - | - |",
        ),
    ),
    "tiles": (
        {
            "tiles": 6,
            "gradient_off": 0.0413,
            "gradient_off_by_interpolation": 0.372,
            "jitter": TILED,
            "no_jitter": TILED | {"score_over_whole": 1.0021},
            "time_a_pixel": {"1280x720": 0.95, "3840x2160": 1.0501},
            "tiles_over_whole_1920x1080": 1.08,
            "seconds": {"1280x720": [1000.0], "1920x1080 whole": [900.0]},
            "peak_memory_bytes": 2830000000,
        },
        (
            "| gradient in 6 tiles, difference from the untiled one, in its standard deviations "
            "| 0.041 |",
            "| time per pixel from 1280x720 to 3840x2160, deviation from a straight line "
            "| within 6 % |",
            "| peak memory of a still of 3840x2160 | 2.83 GB |",
            "| score over that of the untiled dream | 0.994 | 1.002 |",
            "| energy at the seams over that next to them, over the untiled one's | 1.05 | 1.05 |",
        ),
    ),
}
"""Benchmark -> its results, and beginnings or ends of rows."""
