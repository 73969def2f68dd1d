"""The variables of schedules: time and sound."""

from __future__ import annotations

RHYTHM = ("beat", "bar", "bpm")
"""Variables that describe the rhythm of the sound."""
SOUND = (
    *("envelope", "bass", "mid", "treble"),
    *("onset", "onset_bass", "onset_mid", "onset_treble"),
    *RHYTHM,
)
"""Variables that describe the sound."""
VARIABLES = {
    "t": "seconds since frame 0",
    "frame": "index of the frame, from 0",
    "rate": "frames per second",
    "count": "number of frames of the render",
    "duration": "length of the render in seconds",
    "envelope": "loudness, 0..1",
    "bass": "loudness from 20 to 150 Hz, 0..1",
    "mid": "loudness from 150 to 2000 Hz, 0..1",
    "treble": "loudness from 2000 to 10000 Hz, 0..1",
    "onset": "1 at the start of a beat or note, then quickly back to 0",
    "onset_bass": "the same from 20 to 150 Hz",
    "onset_mid": "the same from 150 to 2000 Hz",
    "onset_treble": "the same from 2000 to 10000 Hz",
    "beat": "0 at a beat, rising to 1 at the next",
    "bar": "0 at the first of four beats, rising to 1 at the next one",
    "bpm": "beats per minute",
}
"""Variable -> its meaning."""
