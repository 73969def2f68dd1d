"""Everything that a sheet shows about a picture and its dream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from pipeline.config.compose import compose, compose_settings, compose_stage, settings_of
from pipeline.config.settings import ExplainSettings
from pipeline.errors import UserError, printable
from pipeline.explain.attribution import ClassMaps, Evidence
from pipeline.explain.channels import COUNT, DrawnChannel, drawn_channels, leading_channels
from pipeline.explain.growth import TILE, WatchedDreamer, thumbnail
from pipeline.explain.layers import (
    Layer,
    blocks_with_maps,
    dream_with,
    measure_layer,
)
from pipeline.frame import Clip, Image, Picture, to_image, to_picture
from pipeline.model import Model
from pipeline.model.network.module import Network
from pipeline.model.network.outline import is_map
from pipeline.objective.norm import Norm
from pipeline.recording.recorder import NullRecorder
from pipeline.render import render
from pipeline.report.classification import top_classes

SHAPING = ("objective", "dreamer", "look", "quality", "explain")
"""Start of the settings that shape one dream, and do not apply to those of the layers."""
LAYERS = 6
"""Maximum number of layers that are shown."""
TOP = 5
"""Number of leading classes that are shown."""
STEPS = 2 + LAYERS + COUNT
"""Largest number of steps whose progress is shown."""
MAPS = 3
"""Number of classes with heat maps, unless they are named."""
SNAPSHOTS = 4
"""Number of pictures that show how the dream grows."""


@dataclass(frozen=True)
class ClassEvidence:
    """A class in the picture and in its dream."""

    name: str
    """Name of the class."""
    picture: Evidence
    """What speaks for it in the picture."""
    dream: Evidence
    """What speaks for it in the dream."""
    control: Evidence | None
    """What speaks for it in the picture according to the network with shuffled weights. None: not
    computed."""


@dataclass(frozen=True)
class LayerDream:
    """The picture dreamt with a single layer."""

    layer: Layer
    """The layer."""
    dream: Picture
    """The dream."""


@dataclass(frozen=True)
class Growth:
    """How classes and picture change from step to step."""

    probabilities: Mapping[str, Sequence[float]]
    """Name of a class -> its probability before each gradient step, and in the dream."""
    octaves: Sequence[int]
    """Numbers of the steps with which a larger octave begins, from 0."""
    pictures: Mapping[int, Picture]
    """Number of gradient steps -> the dream after them."""


@dataclass(frozen=True)
class Explanation:
    """The figures and pictures of a sheet."""

    picture: Picture
    """The picture as it was dreamt on."""
    dream: Picture
    """Its dream, of the same size."""
    scale: tuple[float, float]
    """Pixels of the input per pixel of the picture, horizontally and vertically; of the fitted
    input if it was cropped or padded to another shape."""
    steps: int
    """Number of gradient steps of the dream, over all octaves."""
    before: Mapping[str, float]
    """Leading classes of the picture -> probability, the highest first."""
    after: Mapping[str, float]
    """The same for the dream."""
    classes: Sequence[ClassEvidence]
    """The classes with heat maps."""
    layers: Sequence[LayerDream]
    """The picture dreamt with single layers, from low to high."""
    layer: str
    """Layer of the channels."""
    channels: Sequence[DrawnChannel]
    """The channels of that layer that respond most to the picture."""
    growth: Growth
    """How the dream grows."""
    cells: str
    """Size of the heat maps before they are enlarged: "8x12"."""

    @property
    def has_control(self) -> bool:
        """Whether the network with shuffled weights was asked too."""
        return any(one.control is not None for one in self.classes)


def explain(settings: Sequence[str], progress: Callable[[str], None]) -> Explanation:
    """Return what the network sees in the picture that these settings name, and in its dream.

    settings: KEY=VALUE as for a render of a still. progress: called with each step. Raises
    UserError.
    """
    words = ["recipe=still", "dream_width=480", "compile=none", *_of_a_still(settings)]
    shown = options(words)
    job = compose(*words)
    if job.stills is not None:
        raise UserError(
            "explain: must be used with a single picture, got several; name one of them"
        )
    device = job.device
    model = job.pipeline.model.to(device)
    maps = ClassMaps.of(model, device)
    chosen = maps.numbers(shown.classes)
    progress("dream")
    stages = job.pipeline.stages_at(0)
    watched = WatchedDreamer(stages.dreamer, maps)
    stages = replace(stages, dreamer=watched)
    pipeline = replace(job.pipeline, stages_at=lambda _: stages)
    (rendered,) = render(pipeline, NullRecorder(), seed=job.seed, device=device)
    dream, picture = rendered.image, rendered.canvas.picture
    assert picture is not None
    before, after = (top_classes(model, image, TOP) for image in (picture, dream))
    chosen = chosen or maps.numbers(_leading(before, after))
    progress("evidence")
    shuffled = _shuffled(words, device) if shown.control else None
    in_picture, in_dream = (maps.evidence(image, chosen) for image in (picture, dream))
    controls = {} if shuffled is None else shuffled.evidence(picture, chosen)
    layers = _layers(words, model, progress)
    layer = _layer_of(rendered.gradient.objective.layers, layers, model, picture)
    channels = []
    for number in leading_channels(model, picture, layer):
        progress(f"channel {number} of {layer}")
        channels += drawn_channels(model, picture, layer, [number], device)
    height, width = _input_size(words, job.pipeline.clip)
    return Explanation(
        picture=to_picture(picture),
        dream=to_picture(dream),
        scale=(width / picture.shape[3], height / picture.shape[2]),
        steps=sum(rendered.dream.work.values()),
        before=before,
        after=after,
        classes=[
            ClassEvidence(name, in_picture[name], in_dream[name], controls.get(name))
            for name in chosen
        ],
        layers=layers,
        layer=layer,
        channels=channels,
        growth=_growth(watched, dream, maps, chosen),
        cells="x".join(map(str, maps.grid(picture)[::-1])),
    )


def options(settings: Sequence[str]) -> ExplainSettings:
    """Return the settings of the sheet. Raises UserError."""
    cfg, _ = compose_settings(*settings)
    return ExplainSettings.of(settings_of(cfg)["explain"])


def _of_a_still(settings: Sequence[str]) -> list[str]:
    """Return the settings if they are those of a still. Raises UserError."""
    for word in settings:
        key, _, value = word.partition("=")
        if key in ("frames", "plan", "part", "shots") or (key == "recipe" and value != "still"):
            raise UserError(
                f"{key}: must be left out, as a single picture is explained, got "
                f"{printable(word)}; remove it"
            )
    return [*settings, "overwrite=true"]


def _input_size(words: Sequence[str], shown: Clip) -> tuple[int, int]:
    """Return height and width of the input in pixels; those of `shown` if it has another shape."""
    kept = [word for word in words if word.partition("=")[0] not in ("width", "height")]
    if len(kept) == len(words):  # without a size, the picture is as large as the input
        return shown.height, shown.width
    clip = compose(*kept).pipeline.clip
    same = abs(clip.width / clip.height - shown.width / shown.height) < 0.05
    return (clip.height, clip.width) if same else (shown.height, shown.width)


def _layers(
    words: Sequence[str], model: Model, progress: Callable[[str], None]
) -> list[LayerDream]:
    """Return a small copy of the picture dreamt with single layers, by the default dreamer."""
    kept = [word for word in words if not word.lstrip("+~").startswith(SHAPING)]
    job = compose(*kept, f"width={TILE}", "height=null")
    job = replace(job, pipeline=replace(job.pipeline, model=model))
    picture = next(iter(job.pipeline.source.pictures()))
    assert picture is not None
    image = to_image(picture, job.device)
    result = []
    for name in _spread(blocks_with_maps(model, image)):
        layer = measure_layer(model, name, job.device)
        if layer is not None:
            progress(f"layer {name}")
            dream = dream_with(job, Norm(layers=(name,), weights=None))
            result.append(LayerDream(layer, to_picture(dream)))
    return result


def _leading(before: Mapping[str, float], after: Mapping[str, float]) -> Sequence[str]:
    """Return the classes to show: the first of the picture and of the dream, and the next ones."""
    highest = {name: max(before.get(name, 0), after.get(name, 0)) for name in {**before, **after}}
    first = [next(iter(before)), next(iter(after))]
    return [*dict.fromkeys([*first, *sorted(highest, key=lambda name: -highest[name])])][:MAPS]


def _spread(names: Sequence[str]) -> list[str]:
    """Return at most LAYERS of the names, evenly spaced, with the first and the last."""
    count = min(LAYERS, len(names))
    return [names[round(k * (len(names) - 1) / max(1, count - 1))] for k in range(count)]


def _layer_of(
    layers: Sequence[str], dreams: Sequence[LayerDream], model: Model, picture: Image
) -> str:
    """Return the layer whose channels are shown: the objective's, or else one that draws parts."""
    with torch.no_grad():
        for layer in layers:
            if is_map(model(picture, [layer])[layer]):
                return layer
    parts = [one.layer.name for one in dreams if one.layer.kind == "parts"]
    return parts[-1] if parts else dreams[-1].layer.name


def _shuffled(words: Sequence[str], device: torch.device) -> ClassMaps:
    """Return the heat maps of the network with the weights of each layer in random order."""
    network = compose_stage("model", *words)
    if not isinstance(network, Network):
        raise UserError(
            "explain.control: must be used with a single network, got several; choose one of them"
        )
    return ClassMaps.of(network.shuffled(0).to(device), device)


def _growth(
    watched: WatchedDreamer, dream: Image, maps: ClassMaps, chosen: Mapping[str, int]
) -> Growth:
    """Return how the classes and the dream have grown."""
    shares = [*watched.shares, maps.probabilities(dream).cpu()]
    pictures = [*watched.pictures, thumbnail(dream)]
    last = len(pictures) - 1
    shown = [round(last * (k + 1) / SNAPSHOTS) for k in range(SNAPSHOTS)]
    sizes = watched.sizes
    return Growth(
        {name: [float(share[number]) for share in shares] for name, number in chosen.items()},
        [k for k in range(1, len(sizes)) if sizes[k] != sizes[k - 1]],
        {step: pictures[step] for step in shown},
    )
