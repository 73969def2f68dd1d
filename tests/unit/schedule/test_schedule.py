"""pipeline.schedule: a number over time, and nothing but a number."""

from __future__ import annotations

import gc
import math
import re
import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from pipeline.schedule import SOUND, VARIABLES, ScheduleError, parse
from pipeline.schedule.keyframes import WAYS

RATE, COUNT = 25.0, 250


def at(text: str, t: float = 0.0, *, rate: float = RATE, **heard: float) -> float:
    """The value at this time of a video of ten seconds."""
    values = {**dict.fromkeys(VARIABLES, 0.0), "t": t, "frame": t * rate, "rate": rate, **heard}
    return parse(text, rate=rate, count=round(10 * rate))(values)


def refused(text: str) -> str:
    with pytest.raises(ScheduleError) as error:
        parse(text, rate=RATE, count=COUNT)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        (" 2 ", 2),
        ("-3e-2", -0.03),
        ("1.02 + 0.02*sin(2*pi*t/4)", 1.04),
        ("frame", 25),
        ("rate / 5", 5),
        ("2 if t < 2 else 3", 2),
        ("t > 0.5", 1),
        ("t >= 1 and t < 2", 1),
        ("min(3, 2, t) + max(0, t) + abs(-1)", 3),
        ("clamp(7, 0, 2)", 2),
        ("mix(10, 20, 0.25)", 12.5),
        ("smooth(0.5) + smooth(-1) + smooth(9)", 1.5),
        ("saw(3.25)", 0.25),
        ("2 ** 3 % 5 // 2", 1),
        ("bass + onset", 0.75),
        ("0s: 1, 2s: 3", 2),
        ("0: 1, 50: 3,", 2),
        ("0: 1, 2s: 3", 2),
        ("0s: 1 hold, 2s: 3", 1),
        ("hold 0s: 1, 1s: 2, 2s: 3", 2),
        ("smooth 0s: 0, 4s: 1", 0.15625),
        ("0s:0 smooth,4s:1", 0.15625),
        ("3s: 5, 4s: 6", 5),
        ("0s: -1e0, .5s: 2.", 2),
        ("0s: 1, 10s: 2", 1.1),
        ("0: (1.02), 50: (1.04)", 1.03),
        ("0s: (1 + 0.5), 2s: 3", 1.5),
        ("0:(t/5), 50: 3", 5),
        ("0:(max_f), 50: 3", 9),
        ("0: 1, 50: (2*(t - 40)/10)", 1.5),
        ("0s: 0 ease-in-out, 2s: 1", 0.5),
        ("ease-in 0s: 0, 1s: 1", 1),
        ("0s: 0 bezier(0,0,1,1), 4s: 1", 0.25),
        ("0s: 0 back, 1.5s: 1", 1.0890),
        ("0s: 0 elastic, 2s: 1", 1.015625),
        ("0s: 0 bounce, 2s: 1", 0.765625),
        ("0s: 0 catmull, 2s: 4, 4s: 4", 2.25),
    ],
)
def test_a_schedule_has_this_value_after_a_second(text: str, value: float) -> None:
    assert at(text, 1.0, bass=0.25, onset=0.5, count=10.0) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("rate", [24.0, 30000 / 1001, 60.0])
def test_seconds_are_seconds_at_any_rate(rate: float) -> None:
    assert at("0s: 0, 8s: 8", 5.0, rate=rate) == pytest.approx(5)
    assert at("0: 0, 24: 1", 12 / rate, rate=rate) == pytest.approx(0.5)


@pytest.mark.parametrize("places", [2, 3, 5])
def test_the_weights_of_a_tour_sum_to_one_and_come_round(places: int) -> None:
    for step in range(101):
        t = step / 10
        weights = [at(f"tour(t, {place}, {places}, 10)", t) for place in range(places)]
        assert sum(weights) == pytest.approx(1)
        assert min(weights) >= 0
        later = [at(f"tour(t + 10, {place}, {places}, 10)", t) for place in range(places)]
        assert weights == pytest.approx(later)
    assert at(f"tour(0, 0, {places}, 10)") == 1
    near = [at(f"tour({t / 100}, 0, {places}, 10)") for t in range(1001)]
    assert max(abs(b - a) for a, b in pairwise(near)) < 0.02


def test_a_schedule_tells_the_variables_that_it_uses() -> None:
    assert parse("1 + bass*sin(t)", rate=RATE, count=None).names == {"bass", "t"}
    assert parse("pi", rate=RATE, count=None).names == set()
    assert set(SOUND) < set(VARIABLES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got nothing"),
        ("1 +", "got a syntax error at column"),
        ("1 + )", "got a syntax error at column 5"),
        ("1 + .1*bas", "known variables, got 'bas' at column 8 of '1 + .1*bas'; did you mean bass"),
        ("sn(t)", "known functions, got 'sn' at column 1"),
        ("sin(t, 2)", "must call sin() with 1 number, got 2 at column 1"),
        ("sin()", "must call sin() with 1 number, got 0"),
        ("log(t, 2, 3)", "must call log() with 1 or 2 numbers, got 3"),
        ("max(t)", "must call max() with at least 2 numbers, got 1"),
        ("clamp(t)", "must call clamp() with 3 numbers, got 1"),
        ("1 + 'a'", "got something else at column 5"),
        ("().__class__", "got something else at column 1"),
        ("t.real", "got something else at column 1"),
        ("t.__class__.__mro__[1]", "got something else at column 1"),
        ("__import__('os')", "known functions, got '__import__' at column 1"),
        ("(lambda: 1)()", "known functions, got '(...)'"),
        ("[t for t in (1,)]", "got something else at column 1"),
        ("[1][0]", "got something else"),
        ("f'{t}'", "got something else"),
        ("t << 9", "got something else"),
        ("1j", "got something else"),
        ("True", "got something else"),
        ("sin(x=1)", "must call sin()"),
        ("max(*[1, 2])", "must call max()"),
        ("t = 1", "valid expression"),
        ("1\n2", "valid expression"),
        ("(" * 60 + "1" + ")" * 60 + "+1" * 60, "nested operations"),
        ("-" * 900 + "1", "nested operations"),
        ("1+" * 600 + "1", "at most 1000 characters"),
        ("4s: 1, 2s: 1", "order of time, got 2s at column 8"),
        ("4s: 1, 100: 1", "order of time, got 100 at column 8"),
        ("0s: 1, 2s; 2", "got something else at column 8"),
        ("0s: one", "got something else at column 1"),
        ("0: (1, 2: 3", "got something else at column 1"),
        ("0: (sn(t))", "known functions, got 'sn'"),
        ("0: (1) 2: 3", "got something else at column 1"),
        ("0s: 1 back(1), 1s: 2", "control points only after bezier"),
        ("0s: 1 bezier(0,0,2,1), 1s: 2", "x from 0 to 1, got bezier(0,0,2,1) at column 7"),
        ("0s: 1 quick, 1s: 2", "known interpolations, got 'quick' at column 7"),
        ("slow 0s: 1", "known interpolations, got 'slow' at column 1"),
        ("1.5: 2", "whole numbers, got 1.5 at column 1"),
        ("(s := 3)", "got something else at column 2"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_column(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    "text",
    ["1/t", "sqrt(t - 1)", "log(t)", "(t - 8) ** 0.5", "exp(1000)", "9**9**9", "1e308*10",
     "1e999 - 1e999", "10 ** 400 * 1.0", "10**400", "1" + "0" * 400, "4000000**4000000>1",
     "floor(9e307)**9 > 1", "9**9**9**9 > 1", "floor(1e999)"],
)  # fmt: skip
def test_what_has_no_finite_value_is_an_error_when_it_comes_to_that(text: str) -> None:
    with pytest.raises(ScheduleError, match=r"at all times, got .*; limit"):
        at(text, 0.0)


@pytest.mark.parametrize("text", ["4000000**4000000>1", "(frame+9)**(9**9)>1", "9**99999999 % 7"])
def test_one_evaluation_takes_no_time(text: str) -> None:
    # exact whole numbers of that size take seconds to minutes each
    start = time.process_time()
    with pytest.raises(ScheduleError):
        at(text, 0.0)
    assert time.process_time() - start < 0.5


def test_numbers_are_floats() -> None:
    assert at("2**53 + 1", 0.0) == 2.0**53
    assert at("7//2 + floor(2.5) + ceil(2.5) + 9000000**2 % 10", 0.0) == 8


def test_what_is_finite_elsewhere_is_so_there() -> None:
    assert at("1/t", 2.0) == 0.5
    assert math.isclose(at("sqrt(t)", 4.0), 2)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(60000, 1001), Fraction(25)])
def test_a_key_by_frame_number_is_at_that_frame(rate: Fraction) -> None:
    wrong = []
    for key in range(1, 3000):
        read = parse(f"0: 0, {key}: 1 hold", rate=float(rate), count=None)
        for frame in (key - 1, key):
            now = {"t": float(frame / rate), "frame": frame, "rate": float(rate)}
            if read(now) != (frame == key) and frame == key:
                wrong.append(key)
    assert wrong == []


def test_a_key_in_seconds_is_at_the_frame_that_begins_then() -> None:
    rate = Fraction(30000, 1001)
    read = parse("hold 0s: 0, 1001s: 1", rate=float(rate), count=None)
    assert [read({"t": 0.0, "frame": frame}) for frame in (29999, 30000)] == [0, 1]


def test_a_schedule_may_go_on_behind_the_end_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO"):
        assert at("0s: 1, 20s: 3", 5.0) == 1.5
    assert "'0s: 1, 20s: 3' has keyframes after the last frame, 250" in caplog.text


def test_the_length_of_the_whole_is_known() -> None:
    assert at("t / duration + frame / count", 5.0, duration=10.0, count=250.0) == 1


DEFORUM = (
    "0:(1.02), 30:(1.05)",
    "0: (1.0025+0.002*sin(1.25*3.14*t/30))",
    "0:(0), 10:(5), 20:(t/4), 40:(-3), 60:(3*cos(t/7)), 80:(1)",
)


def deforum(text: str, frames: int) -> list[float]:
    """The value at each frame by Deforum's rules.

    A number is a point of a straight line to the next value. An expression has its value at each
    frame, where t is the frame's index, up to the next key. Before the first key and after the last
    one the value stays.
    """
    keys = {int(k): v for k, v in re.findall(r"(\d+): ?\(((?:[^()]|\([^()]*\))*)\)", text)}
    points: dict[int, float] = {}
    current = ""
    for t in range(frames):
        current = keys.get(t, current)
        if t in keys or not re.fullmatch(r"-?[\d.]+", current):
            points[t] = eval(current, {"sin": math.sin, "cos": math.cos, "t": t})
    return list(np.interp(range(frames), list(points), list(points.values())))


@pytest.mark.parametrize("text", DEFORUM)
def test_keyframes_of_deforum_have_the_values_that_they_have_there(text: str) -> None:
    here = [at(text, frame / RATE) for frame in range(100)]
    assert here == pytest.approx(deforum(text, 100), abs=1e-9)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "hold"])
def test_each_way_leads_from_one_key_to_the_next(way: str) -> None:
    text = f"0: 2 {way}, 100: 4, 150: 4"
    assert at(text, 0) == pytest.approx(2)
    assert at(text, 99.999 / RATE) == pytest.approx(4, abs=0.01)
    assert at(text, 4) == 4
    steps = [at(text, frame / 10 / RATE) for frame in range(1001)]
    assert max(abs(b - a) for a, b in pairwise(steps)) < 0.05  # no jump


@pytest.mark.slow
def test_the_time_of_reading_keyframes_grows_as_their_number() -> None:
    # ten times the keys: ten times the time, and a hundred times where it grows as the square
    assert _seconds_of_parsing(50_000) < 30 * _seconds_of_parsing(5_000)


def test_many_keyframes_are_read() -> None:
    schedule = parse(_keyframes(50_000), rate=RATE, count=50_000)
    assert schedule({"frame": 40_000.0}) == 40_000 % 7


def _keyframes(count: int) -> str:
    return ", ".join(f"{frame}: {frame % 7}" for frame in range(count))


def _seconds_of_parsing(keys: int) -> float:
    """Return the least processor time of three tries: other processes and pauses do not count."""
    text = _keyframes(keys)
    seconds = []
    for _ in range(3):
        gc.collect()
        start = time.process_time()
        parse(text, rate=RATE, count=keys)
        seconds.append(time.process_time() - start)
    return min(seconds)
