"""Variables of several sounds and of MIDI: drums, drums.onset, midi.cc1."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pipeline.schedule.variables import SOUND

MIDI = "midi"
"""Name of the variables of a MIDI file."""
OF_SOUND = re.compile("|".join(SOUND))
"""Pattern of the variables of a sound."""
OF_MIDI = re.compile(r"note|velocity|onset|gate|(cc|n)(\d{1,2}|1[01]\d|12[0-7])")
"""Pattern of the variables of a MIDI file."""
Namespaces = Mapping[str, re.Pattern[str]]
"""Name before the dot -> pattern of the names after it."""


def namespaces(stems: Collection[str], *, midi: bool) -> Namespaces:
    """Return the namespaces of these sounds. midi: whether there is a MIDI file too."""
    return {**dict.fromkeys(stems, OF_SOUND), **({MIDI: OF_MIDI} if midi else {})}
