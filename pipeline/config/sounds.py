"""The sounds that schedules follow: that of the render, further ones by name, and MIDI."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.midi import read_midi
from pipeline.config.timeline import AudioVariables
from pipeline.errors import UserError, printable
from pipeline.ffmpeg.audio_features import analyse_audio, with_audio
from pipeline.frame import Clip
from pipeline.limits import Limits
from pipeline.schedule import SOUND, VARIABLES
from pipeline.schedule.expression import CONSTANTS
from pipeline.schedule.functions import FUNCTIONS
from pipeline.schedule.namespaces import MIDI

STEMS = "audio."
"""Beginning of the settings of further sounds, audio.drums=drums.wav."""
LOUDNESS = SOUND[0]
"""Variable that the name of a sound alone stands for."""


def stems_of(value: object) -> dict[str, Path]:
    """Return the further sounds by name. Raises UserError for a name that cannot be a variable."""
    if not isinstance(value, Mapping):
        raise UserError(f"stems: must be sounds by name, got {value!r}; set audio.drums=FILE")
    for name in map(str, value):
        if not name.isidentifier() or name in (*VARIABLES, *CONSTANTS, *FUNCTIONS, MIDI):
            raise UserError(
                f"{STEMS}{printable(name)}: must have a name that is no variable or function of "
                f"schedules, got {printable(name)}; choose another, such as {STEMS}drums"
            )
    return {str(name): Path(str(file)) for name, file in value.items()}


@dataclass(frozen=True)
class Sounds:
    """Variables of several sounds."""

    sounds: Mapping[str, AudioVariables]
    """Name -> variables, which get this name and a dot before their own; empty: they do not."""

    def at(self, index: int) -> dict[str, float]:
        """Return all variables at this frame index."""
        values: dict[str, float] = {}
        for name, sound in self.sounds.items():
            found = sound.at(index)
            values |= {f"{name}.{key}" if name else key: value for key, value in found.items()}
            if name and LOUDNESS in found:
                values[name] = found[LOUDNESS]
        return values


def analyse_sounds(
    clip: Clip,
    names: Collection[str],
    *,
    stems: Mapping[str, Path],
    midi: Path | None,
    limits: Limits,
) -> Sounds:
    """Return the variables with these names for every frame of the clip.

    stems: further sounds by name, which begin with the first frame. midi: a MIDI file that does.
    Raises UserError.
    """
    sounds: dict[str, AudioVariables] = {}
    own = set(names) & set(SOUND)
    if own:
        sounds[""] = analyse_audio(clip, own, limits=limits)
    for name, file in stems.items():
        used = {n.partition(".")[2] or LOUDNESS for n in names if n.partition(".")[0] == name}
        if used:
            try:
                sounds[name] = analyse_audio(with_audio(clip, file, limits), used, limits=limits)
            except UserError as error:
                raise UserError(str(error).replace("audio:", f"{STEMS}{name}:", 1)) from error
    used = {name.partition(".")[2] for name in names if name.startswith(f"{MIDI}.")}
    if used and midi is not None:
        sounds[MIDI] = read_midi(midi, used, rate=float(clip.rate))
    return Sounds(sounds)
