"""pipeline.recording.differences: the most telling differences, and the number of the others."""

from __future__ import annotations

from pipeline.recording.differences import differences, listing

BEFORE = {
    "frames": "12",
    "input": "clip.mkv",
    "source.path": "clip.mkv",
    "source.frames": "12",
    "dreamer._target_": "pipeline.dreamer.octaves.Octaves",
    "dreamer.octaves": "4",
    "dreamer.iterations": "20",
    "objective.layers": "['" + "x" * 80 + "']",
    "contents of input": "a" * 64,
    "contents of the weights": "a" * 64,
    "torch": "2.0",
    "device": "cpu: one",
    "warp.persistence": "0.995",
}
MACHINE = ("torch", "device")


def changed(**facts: str) -> list[str]:
    now = BEFORE | {name.replace("__", "."): fact for name, fact in facts.items()}
    return differences(BEFORE, now, MACHINE)


def test_a_setting_comes_before_files_machine_and_what_follows_from_it() -> None:
    assert changed(
        torch="2.1", frames="9", source__frames="9", warp__persistence="1", more="1"
    ) == ["frames=9 (was 12)", "warp.persistence=1 (was 0.995)", "torch=2.1 (was 2.0)",
          "source.frames=9 (was 12)", "more (was not set)"]  # fmt: skip


def test_another_choice_is_named_before_its_settings() -> None:
    now = {name: fact for name, fact in BEFORE.items() if not name.startswith("dreamer.")}
    now |= {"dreamer._target_": "pipeline.dreamer.none.Nothing", "contents of input": "b" * 64}
    assert differences(BEFORE, now, MACHINE) == [
        "another dreamer (Nothing, was Octaves)",
        "other contents of input",
        "dreamer.octaves (is no longer set)",
        "dreamer.iterations (is no longer set)",
    ]


def test_a_long_value_is_only_named() -> None:
    assert changed(objective__layers="['a']") == ["another objective.layers"]


def test_three_are_listed_and_the_others_counted() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b, c"
    assert listing(["a", "b", "c", "d"]) == "a, b, c and 1 more difference"
    assert listing(list("abcdefgh")) == "a, b, c and 5 more differences"
