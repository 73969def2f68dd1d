"""Seconds per frame at equal gain: common methods on unmodified networks, and dreamreel."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from benchmarks import baselines, harness, scenes
from benchmarks.baselines import Usual
from benchmarks.tables.peers import FIGURES, Table, at_equal_gain, row, times_faster
from pipeline.dreamer import GradientFn
from pipeline.flow import with_motion
from pipeline.frame import Frame, Image, Picture, to_device, to_image, to_picture
from pipeline.gradient import Gradient
from pipeline.imaging.metrics import flicker
from pipeline.imaging.sampling import sample
from pipeline.model.efficientnet_lite import DEVIATION, MEAN, pretrained
from pipeline.model.torchvision import bare_network
from pipeline.render import RenderedFrame

FRAMES = 100
"""Frames of the clip that dreamreel renders; bikes.mp4 has two cuts in them."""
WINDOWS = (18, 38, 58, 88)
"""First frames of the windows in which common methods are run: every frame costs them the same."""
LONG, GAINED, FLICKERED = 4, 2, 3
"""Frames of a window; indices in it of the frames that gain and flicker are measured on."""
ROUNDS = 2
STEPS = 9
Method = Callable[[Iterable[Picture], GradientFn], baselines.Dreams]
METHODS: Mapping[str, Method] = {
    "blend .85, 4 x 10": partial(baselines.blended, share=0.85),
    "flow-warped blend, photometric mask, 4 x 5": baselines.warped_blend,
}
DEMANDS = dict(zip(METHODS, (10.0, 4.0), strict=True))
"""Factor by which dreamreel must be faster per frame, at the same or a higher gain."""
OURS = {
    "dreamreel, quality=draft": ("quality=draft",),
    "dreamreel, draft with dreamer.upkeep_iterations=4": (
        "quality=draft",
        "dreamer.upkeep_iterations=4",
    ),
    "dreamreel, defaults": (),
}


@dataclass(frozen=True)
class Peer:
    """A network as it is commonly run, and the settings with which dreamreel uses the same.

    step: factor by which a gradient step of dreamreel must be faster.
    """

    name: str
    gradient_fn: GradientFn
    words: tuple[str, ...]
    step: float


@dataclass
class Found:
    """Measurements of one method."""

    seconds: list[float] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    flickers: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)

    @property
    def row(self) -> dict[str, float]:
        """The median of seconds per frame, and the means of the others."""
        return {
            "seconds a frame": statistics.median(self.seconds),
            "gain": statistics.fmean(self.gains),
            "flicker": statistics.fmean(self.flickers),
            "steps": statistics.fmean(self.steps),
        }


def run(out: Path, clip: Path | None) -> tuple[dict[str, object], dict[str, bool]]:
    """Return the results, and requirement -> whether it is met. clip: bikes.mp4."""
    clip = harness.needed(clip, "peers")
    if harness.device.type == "cpu":
        torch.set_num_threads(2)
    results: dict[str, object] = {}
    checks: dict[str, bool] = {}
    equal: dict[str, str] = {}
    for peer in (lite0(), googlenet(out)):
        words = [f"input={clip}", f"frames={FRAMES}", *peer.words]
        faster = _step_ratio(peer, words)
        results[f"{peer.name}: a step"] = faster
        checks[f"{peer.name}: a step {faster:.2f} times faster >= {peer.step}"] = (
            faster >= peer.step
        )
        found = compared(peer, words, out, METHODS, OURS)
        results[peer.name] = table = {name: one.row for name, one in found.items()}
        print(peer.name, *FIGURES, sep="  ")
        for name, figures in table.items():
            print(*row(name, figures), sep="  ", flush=True)
        equal = equal or {name: at_equal_gain(table, name) for name in METHODS}
        checks |= _check_speed(peer.name, table, equal)
    return results, checks


def _check_speed(network: str, table: Table, equal: Mapping[str, str]) -> dict[str, bool]:
    """Return requirement -> whether it is met.

    equal: method -> the variant of dreamreel that it is compared with, chosen by the gain with real
    weights: with random weights the gain is unbounded.
    """
    checks = {}
    for name, demand in DEMANDS.items():
        common, ours = table[name], table[equal[name]]
        times = times_faster(table, name, equal[name])
        label = f"{network}: {equal[name]} for {name}"
        checks[f"{label}: {times:.1f} times less >= {demand:g}"] = times >= demand
        checks[f"{label}: flicker {ours['flicker']:.4f} < {common['flicker']:.4f}"] = (
            ours["flicker"] < common["flicker"]
        )
    return checks


def compared(
    peer: Peer,
    words: Sequence[str],
    out: Path,
    methods: Mapping[str, Method],
    others: Mapping[str, Sequence[str]],
) -> dict[str, Found]:
    """Return the measurements by method: common methods, and variants of dreamreel.

    They are run in turns, so that all see the same machine load. words: settings of all variants.
    others: variant -> its additional settings.
    """
    frames, gradient_fn = _window_frames(words), harness.gradient(words)
    # on a GPU the precision of float32 is a setting of the whole process
    exact = ["precision=float32"] if harness.device.type == "cpu" else []
    judge = harness.gradient([*words, *exact])
    found = {name: Found() for name in (*methods, *others)}
    share = len(WINDOWS) // ROUNDS
    for turn in range(ROUNDS):
        for name, method in methods.items():
            for first_index in WINDOWS[turn * share : (turn + 1) * share]:
                window = [frames[first_index + n] for n in range(LONG)]
                _measure_common(method, peer.gradient_fn, window, judge, found[name])
        for name, settings in others.items():
            _measure_ours(
                [*words, *settings],
                gradient_fn,
                frames,
                out / "peers.mp4",
                judge=judge,
                found=found[name],
            )
    return found


def _measure_common(
    method: Method, gradient_fn: GradientFn, window: Sequence[Frame], judge: Gradient, found: Found
) -> None:
    """Dream over these frames with a common method; frames and dreams are files, one by one."""
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{frame.index:05d}.png" for frame in window]
        for path, frame in zip(paths, window, strict=True):
            assert frame.picture is not None
            cv2.imwrite(str(path), frame.picture[..., ::-1])
        dreams, images = method(map(_read, paths), gradient_fn), []
        for path in paths:
            start = time.perf_counter()
            dream, steps = next(dreams)
            cv2.imwrite(str(path.with_suffix(".dream.png")), to_picture(dream)[..., ::-1])
            found.seconds.append(time.perf_counter() - start)
            found.steps.append(steps)
            images.append(dream)
    _measure(window[GAINED:], images[GAINED:], judge, found)


def _read(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1]


def _measure_ours(
    words: Sequence[str],
    gradient_fn: Gradient,
    frames: Mapping[int, Frame],
    output: Path,
    *,
    judge: Gradient,
    found: Found,
) -> None:
    """Render the clip as the command line does; measured on the same frames."""
    dreams: dict[int, Image] = {}

    def keep(dreamt: RenderedFrame) -> None:
        if dreamt.frame.index in frames:
            dreams[dreamt.frame.index] = dreamt.dream.image

    source = harness.stage("source", words)
    results, wall = harness.recorded(words, gradient_fn, source, output, keep)
    found.seconds.append(wall / results["frames"])
    found.steps.append(results["steps_per_frame"])
    for first_index in WINDOWS:
        both = range(first_index + GAINED, first_index + LONG)
        _measure([frames[n] for n in both], [dreams[n] for n in both], judge, found)


def _measure(
    window: Sequence[Frame], dreams: Sequence[Image], judge: Gradient, found: Found
) -> None:
    """Add the gain of the first of two frames, and the flicker between both, to `found`.

    They are computed as in report.json, with the flow of the render.
    """
    pictures = [
        to_image(frame.picture, harness.device) for frame in window if frame.picture is not None
    ]
    found.gains.append(float(judge.score(dreams[0]) / judge.score(pictures[0])))
    before, now = (dream - picture for dream, picture in zip(dreams, pictures, strict=True))
    motion = window[1].motion
    assert motion is not None
    moved = sample(before, scenes.positions(motion.flow).to(harness.device))
    seen = to_device(motion.confidence, harness.device)[None, None]
    found.flickers.append(float(flicker(now, moved, seen)))


def _window_frames(words: Sequence[str]) -> dict[int, Frame]:
    """Return the frames of all windows with their motion, by index."""
    source, cuts = harness.stage("source", words), harness.stage("cuts", words)
    frames = with_motion(cuts(source.pictures()), harness.stage("flow", words), source.clip.rate)
    wanted = {first_index + n for first_index in WINDOWS for n in range(LONG)}
    return {frame.index: frame for frame in frames if frame.index in wanted}


def _step_ratio(peer: Peer, words: Sequence[str]) -> float:
    """Return the time of a common gradient step over that of ours, at full size.

    Both include everything that belongs to a step.
    """
    first = next(harness.stage("source", words).pictures())
    image, gradient_fn = to_image(first, harness.device), harness.gradient(words)
    ours = harness.stage("dreamer", ["dreamer.octaves=1", "dreamer.iterations=1"])
    ways = (peer.gradient_fn, baselines.octaves(1, 1)), (gradient_fn, ours)
    for way in 2 * ways:
        baselines.dreamt(image, *way)  # the first runs are slower
    ratios = []
    for _ in range(STEPS):
        spans = []
        for way in ways:
            harness.wait()
            start = time.perf_counter()
            baselines.dreamt(image, *way)
            harness.wait()
            spans.append(time.perf_counter() - start)
        ratios.append(spans[0] / spans[1])
    return statistics.median(ratios)


def lite0() -> Peer:
    """Return EfficientNet-Lite0 up to blocks.9, with its real weights."""
    module = pretrained(0)
    blocks = nn.Sequential(module.stem, *module.blocks[:10])
    return Peer("EfficientNet-Lite0 to blocks.9", Usual(blocks, MEAN, DEVIATION), (), 4.0)


def googlenet(out: Path) -> Peer:
    """Return GoogLeNet up to inception4c with random weights, enough to measure time."""
    torch.manual_seed(0)
    module = bare_network("googlenet", 1000)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    path = out / "googlenet.pth"
    torch.save(module.state_dict(), path)
    named = dict(module.named_children())
    until = list(named).index("inception4c") + 1
    blocks = nn.Sequential(*list(named.values())[:until])
    words = ("model=googlenet", f"model.weights={path}", "objective.layers=[inception4c]")
    return Peer("GoogLeNet to inception4c", Usual(blocks, [0.5] * 3, [0.5] * 3), words, 1.6)
