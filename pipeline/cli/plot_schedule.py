"""Plot schedules: dreamreel plot-schedule "0s: 1, 4s: 2" "1 + bass" --audio song.mp3.

Needs matplotlib: pip install matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from pipeline.cli.exit_codes import print_text
from pipeline.cli.parser import Parser
from pipeline.config.hydra_config import top_level_defaults
from pipeline.config.settings import limits_of
from pipeline.config.sounds import analyse_sounds, stems_of
from pipeline.config.timeline import AudioVariables, Timeline
from pipeline.errors import UserError, printable
from pipeline.ffmpeg.audio_features import with_audio
from pipeline.frame import Clip
from pipeline.schedule import SOUND, Schedule, ScheduleError, parse
from pipeline.schedule.namespaces import namespaces
from pipeline.storage.atomic import disk_errors


def main(arguments: Sequence[str]) -> None:
    """Write a plot with one curve per schedule over the whole video. Raises UserError."""
    parsed = parser().parse_args(arguments)
    count = max(1, round(parsed.seconds * parsed.rate))
    try:
        stems = stems_of(dict(stem.partition("=")[::2] for stem in parsed.stem))
        spaces = namespaces(stems, midi=parsed.midi is not None)
        curves = [
            parse(text, rate=float(parsed.rate), count=count, spaces=spaces)
            for text in parsed.schedules
        ]
        clip = Clip(2, 2, parsed.rate, count)
        limits = limits_of(top_level_defaults()["limits"], {})
        used = {name for curve in curves for name in curve.names}
        heard = None
        if parsed.audio is not None:
            clip = with_audio(clip, parsed.audio, limits)
        if parsed.audio is not None or spaces:
            heard = analyse_sounds(clip, used, stems=stems, midi=parsed.midi, limits=limits)
        draw(curves, clip, heard, parsed.out)
    except ScheduleError as error:
        raise UserError(f"schedule: {error}") from error
    print_text(printable(parsed.out))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = Parser(prog="dreamreel plot-schedule", description=__doc__)
    result.add_argument(
        "schedules", nargs="+", metavar="SCHEDULE", help="keyframes or an expression"
    )
    result.add_argument(
        "--seconds", type=float, default=10, help="length of the video in seconds (10)"
    )
    result.add_argument(
        "--rate", type=Fraction, default=Fraction(30), help="frames per second (30)"
    )
    result.add_argument(
        "--audio",
        type=Path,
        metavar="FILE",
        help="sound file for the variables bass, mid, treble ...",
    )
    result.add_argument(
        "--stem",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="further sound file for the variables NAME, NAME.onset ...; may be given again",
    )
    result.add_argument(
        "--midi", type=Path, metavar="FILE", help="MIDI file for the variables midi.cc1 ..."
    )
    result.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("schedule.png"),
        metavar="FILE",
        help="picture to write (schedule.png)",
    )
    return result


def values(schedule: Schedule, clip: Clip, heard: AudioVariables | None) -> list[float]:
    """Return the value of the schedule at each frame.

    heard: the audio features; None: there is no sound. Raises ScheduleError, and UserError if the
    schedule needs sound and there is none.
    """
    assert clip.count is not None
    if heard is None and schedule.names & set(SOUND):
        raise UserError(f"audio: must be set for {schedule.text!r}, got nothing; add --audio FILE")
    variables = Timeline({}, clip.rate, heard, clip.count)
    return [schedule(variables.values(index)) for index in range(clip.count)]


def draw(curves: list[Schedule], clip: Clip, heard: AudioVariables | None, out: Path) -> None:
    """Write a plot with one curve per schedule over time in seconds."""
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise UserError(
            "plot-schedule: matplotlib must be installed, got no such package; "
            "run: pip install matplotlib"
        ) from error

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
    with disk_errors(out):
        figure.savefig(out, dpi=120)
    pyplot.close(figure)
