"""Words of other programs for our settings and choices, for answers to unknown names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pipeline.config.documentation import default_choice
from pipeline.errors import did_you_mean


def _by_word(table: Mapping[str, str]) -> dict[str, str]:
    """Return word -> name for a table of name -> words, separated by blanks."""
    return {word: name for name, words in table.items() for word in words.split()}


SETTINGS = _by_word(
    {
        "input": "content_image image img video file source_image input_image init_image",
        "output": "out outfile output_file output_image",
        "overwrite": "force yes",
        "frames": "max_frames num_frames n_frames",
        "end": "duration length",
        "width": "w size image_size img_size img_width",
        "height": "h img_height resolution",
        "aspect": "aspect_ratio ratio",
        "fit": "object_fit resize_mode resize_method scale_mode crop_mode fit_mode",
        "fit_centre": "fit_center crop_centre crop_center gravity object_position",
        "crop": "autocrop crop_bars remove_bars letterbox",
        "mask": "mask_image mask_path mask_file",
        "guide": "guide_image style style_image reference",
        "audio": "music soundtrack audio_path",
        "seed": "random_seed manual_seed",
        "device": "gpu cuda use_gpu",
        "precision": "dtype half fp16 amp",
        "tile": "tile_size",
        "model": "net network arch architecture backbone model_name dream_model",
        "model.weights": "weights checkpoint model_file",
        "encoder": "codec vcodec video_codec format",
        "encoder.options.crf": "crf",
        "encoder.options.preset": "preset",
        "rate": "fps framerate frame_rate output_fps",
        "speed": "slow_motion slowmo tempo playback_speed",
        "flow": "optical_flow flow_method",
        "warp.persistence": "blend flow_strength",
        "camera.zoom_per_second": "zoom zoom_factor",
        "camera.degrees_per_second": "angle rotation rotate rotation_3d_z degrees",
        "camera.right_per_second": "translation_x",
        "camera.down_per_second": "translation_y",
        "camera.field_of_view": "fov",
        "objective": "loss",
        "objective.layers": "layer layers dream_layers layers_to_use",
        "objective.channels": "channel channels",
        "objective.label": "class label target target_class",
        "dreamer.iterations": "iterations iters iter n_iter num_iterations steps num_steps "
        "num_gradient_ascent_iterations",
        "dreamer.step_size": "lr learning_rate stepsize",
        "dream_width": "dream_scale dream_size dream_height",
        "dreamer.octaves": "octave octave_n octave_num num_octaves pyramid_size",
        "dreamer.octave_scale": "octave_ratio pyramid_ratio",
        "dreamer.jitter": "spatial_shift_size max_jitter",
        "dreamer.smoothing": "sigma blur",
        "dreamer.pyramid": "lap lap_n laplacian",
        "dreamer.total_variation": "tv tv_weight tv_loss",
    }
)
"""Word -> the setting, or the group, that it means here."""

NONE = "off no false null 0"
CHOICES = {
    "source": _by_word({"images": "image picture photo folder", "feedback": "noise"}),
    "cuts": _by_word({"none": NONE, "adaptive": "scenedetect content"}),
    "anchors": _by_word({"none": NONE, "spaced": "auto memory"}),
    "flow": _by_word({"none": NONE, "dis": "opencv dense", "raft": "rife"}),
    "camera": _by_word(
        {
            "still": f"static fixed none {NONE}",
            "pan": "translate translation",
            "spiral": "rotate rotation spin",
            "twist": "swirl",
            "zoom": "zoom_in",
            "zoom camera.zoom_per_second=0.9": "zoom_out",
        }
    ),
    "dreamer": _by_word(
        {"none": NONE, "octaves": "deepdream", "fourier": "fft", "pixels": "pixel"}
    ),
    "objective": _by_word(
        {"norm": "deepdream layer l2 mse", "label": "class logit", "guide": "guided style"}
    ),
    "encoder": _by_word(
        {
            "h264": "x264 libx264 avc mp4",
            "hevc": "x265 libx265 h265",
            "nvenc": "h264_nvenc",
            "av1": "libaom svtav1 libsvtav1",
            "webm": "vp9 libvpx libvpx-vp9",
            "prores": "prores_ks mov",
            "ffv1": "lossless mkv",
            "images": "png jpg jpeg tiff webp image frames",
        }
    ),
    "model": _by_word(
        {
            "efficientnet_lite0": "efficientnet efficientnet_lite",
            "googlenet": "inception inception_v1",
            "inceptionv1": "inception5h bvlc_googlenet googlenet_places365",
            "resnet50": "resnet",
            "vgg16": "vgg",
            "torchvision model.name=inception_v3": "inceptionv3",
        }
    )
    | {
        name: f"torchvision model.name={name}"
        for name in (
            *("vgg11", "vgg13", "vgg19", "vgg16_bn", "vgg19_bn", "resnet18", "resnet34"),
            *("resnet101", "resnet152", "wide_resnet50_2", "inception_v3", "alexnet"),
            *("squeezenet1_0", "squeezenet1_1", "densenet121", "densenet161", "densenet201"),
            *("mobilenet_v2", "mobilenet_v3_large", "convnext_tiny", "efficientnet_b0"),
        )
    },
    "quality": _by_word({"draft": "low fast preview", "normal": "medium default", "fine": "high"}),
    "recipe": _by_word(
        {"still": "image photo picture", "visualise": "visualize lucid", "zoom": "endless"}
    ),
    "hydra/launcher": _by_word({"local": "parallel", "gpus": "gpu cuda"}),
}
"""Group -> word -> the choice, which other settings may follow, that it means here."""


def near_setting(key: str, known: Collection[str]) -> str:
    """Return the end of the error line for an unknown setting: which one may have been meant.

    known: all settings that may be set here, of which some may be the names of whole groups; if it
    is a mapping, to the choices, GROUP=CHOICE, that have each.
    """
    group, dot, _ = key.partition(".")
    name = key.rpartition(".")[2]
    meant = SETTINGS.get(name.lower(), "")
    elsewhere = dot and meant.partition(".")[0] != group
    if meant and not elsewhere and _is_known(meant, known):
        return f"did you mean {meant}{_where(meant, known)}?"
    same_name = [other for other in known if other.endswith(f".{name}")]
    if same_name and not dot:
        return f"did you mean {' or '.join(same_name[:3])}?"
    return did_you_mean(key, known, "--help all lists all settings")


def near_choice(group: str, name: str, known: Collection[str]) -> str:
    """Return the end of the error line for an unknown choice: which one may have been meant."""
    meant = CHOICES.get(group, {}).get(name.lower())
    if meant:
        return f"did you mean {group}={meant}?"
    return did_you_mean(name, known, f"set {group}=CHOICE")


def _is_known(key: str, known: Collection[str]) -> bool:
    """Return whether this setting, or a group that it belongs to, is one of these."""
    names = key.split(".")
    return any(".".join(names[:end]) in known for end in range(1, len(names) + 1))


def _where(key: str, known: Collection[str]) -> str:
    """Return the choices that have this setting, as text, unless the default choice has it."""
    choices: Sequence[str] = known.get(key, ()) if isinstance(known, Mapping) else ()
    group = key.partition(".")[0]
    if not choices or key == group or f"{group}={default_choice(group)}" in choices:
        return ""
    return f", with {' or '.join(choices)}"
