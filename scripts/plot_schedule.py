"""Plot schedules: python scripts/plot_schedule.py '0s: 1, 4s: 2' '1 + bass' --audio song.mp3.

Needs matplotlib: pip install 'dreamreel[plot]'.
"""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path

from pipeline.config.hydra_config import top_level_defaults
from pipeline.config.settings import limits_of
from pipeline.config.timeline import Timeline
from pipeline.errors import UserError
from pipeline.ffmpeg.audio_features import AudioFeatures, analyse_audio, with_audio
from pipeline.frame import Clip
from pipeline.schedule import SOUND, Schedule, ScheduleError, parse


def main() -> None:
    """Write a plot with one curve per schedule over the whole video."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schedules", nargs="+", metavar="SCHEDULE")
    parser.add_argument("--seconds", type=float, default=10, help="length of the video (10)")
    parser.add_argument("--rate", type=Fraction, default=Fraction(30), help="frames a second (30)")
    parser.add_argument("--audio", type=Path, help="what bass, mid, treble ... are heard in")
    parser.add_argument("--out", type=Path, default=Path("schedule.png"), help="(schedule.png)")
    arguments = parser.parse_args()
    count = max(1, round(arguments.seconds * arguments.rate))
    try:
        curves = [
            parse(text, rate=float(arguments.rate), count=count) for text in arguments.schedules
        ]
        clip = Clip(2, 2, arguments.rate, count)
        limits = limits_of(top_level_defaults()["limits"], {})
        audio = arguments.audio
        heard = None if audio is None else analyse_audio(with_audio(clip, audio, limits), limits)
        draw(curves, clip, heard, arguments.out)
    except (ScheduleError, UserError) as error:
        prefix = "schedule: " if isinstance(error, ScheduleError) else ""
        print(f"{prefix}{error}", file=sys.stderr)
        sys.exit(2)
    print(arguments.out)


def values(schedule: Schedule, clip: Clip, heard: AudioFeatures | None) -> list[float]:
    """Return the value of the schedule at each frame.

    heard: the audio features; None: there is no sound. Raises ScheduleError, and UserError if the
    schedule needs sound and there is none.
    """
    assert clip.count is not None
    if heard is None and schedule.names & set(SOUND):
        raise UserError(
            f"audio: must be given for {schedule.text!r}, got nothing; add --audio FILE"
        )
    variables = Timeline({}, clip.rate, heard, clip.count)
    return [schedule(variables.values(index)) for index in range(clip.count)]


def draw(curves: list[Schedule], clip: Clip, heard: AudioFeatures | None, out: Path) -> None:
    """Write a plot with one curve per schedule over time in seconds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    assert clip.count is not None
    seconds = [float(index / clip.rate) for index in range(clip.count)]
    figure, axes = pyplot.subplots(figsize=(10, 4), layout="constrained")
    for curve in curves:
        axes.plot(seconds, values(curve, clip, heard), label=curve.text)
    axes.set_xlabel("seconds")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    figure.savefig(out, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
