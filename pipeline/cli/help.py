"""The text of `--help`, of all settings or of one group, choice or setting.

Made from the comments in `conf/` without importing Hydra or torch, so that it is shown at once.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from pipeline.config.documentation import (
    PRESETS,
    STAGES,
    Choice,
    Setting,
    choice,
    choice_names,
    choices,
    default_choice,
    general_settings,
    settings_by_key,
)
from pipeline.config.synonyms import near_choice, near_setting
from pipeline.errors import UserError, printable

USAGE = """\
usage: dreamreel INPUT [KEY=VALUE ...]        dream over a video or a picture
       dreamreel -m INPUT KEY=A,B [...]        render every combination of the values: a sweep
       dreamreel COMMAND ...   list, atlas, explain, shots, gallery, table, plot-schedule, save-look
"""
EXAMPLES = """\
Examples
  dreamreel clip.mp4                                      the clip with its sound: clip.dream.mp4
  dreamreel clip.mp4 start=3 end=5 width=480 -o try.mp4   two seconds, small: a quick try
  dreamreel clip.mp4 look=lace quality=draft              another look, less work
  dreamreel recipe=zoom look=roses loop=true              an endless zoom out of noise: dream.mp4
  dreamreel recipe=still photo.jpg                        a single picture
  dreamreel recipe=visualise objective=label objective.label=tabby   the most catlike cat
  dreamreel -m clip.mp4 start=3 end=5 look=eyes,lace dreamer.step_size=0.01,0.02 sweep=first
                                                          four jobs, shown in first/index.html
"""
MOST_USED = (
    "output",
    "start",
    "end",
    "width",
    "aspect",
    "dream_width",
    "mask",
    "guide",
    "loop",
    "objective.layers",
    "objective.label",
    "dreamer.step_size",
    "dreamer.motif_size",
    "camera.zoom_per_second",
    "encoder.options.crf",
    "plan",
    "from",
)
"""The settings that `--help` describes; `--help all` describes all of them."""
FOOTER = """\
Options
  -o FILE   same as output=FILE            -y          same as overwrite=true
  -m        render a sweep                 --info      versions, GPU, encoders and extras
  --config-dir DIR   looks and other presets of others (DIR/look/NAME.yaml)

More
  dreamreel --help GROUP, CHOICE or KEY    e.g. --help camera, --help camera=zoom, --help width
  dreamreel --help all                     every setting
  dreamreel list looks                     also recipes, models, layers, labels, encoders ...

Exit codes: 0 done, 1 internal error, 2 an error you can fix (one line says how), 130 Ctrl-C.
"""


def usage() -> str:
    """Return the short text that `dreamreel` without arguments prints."""
    return f"{USAGE}\n{EXAMPLES}\nMore: dreamreel --help"


def overview() -> str:
    """Return the text of `--help`: usage, examples, groups, the most used settings."""
    groups = [("group", "default", "choices")]
    groups += [(g, default_choice(g) or "none", ", ".join(choice_names(g))) for g in PRESETS]
    groups += [(g, default_choice(g), ", ".join(choice_names(g))) for g in STAGES]
    known = {setting.key: setting for setting in _all_settings()}
    rows = [("setting", "default", "meaning")]
    rows += [
        (key, known[key].default or "-", known[key].meaning.partition(";")[0]) for key in MOST_USED
    ]
    return (
        f"{USAGE}\n{EXAMPLES}\n"
        f"Groups: set GROUP=CHOICE\n{table(groups)}\n\n"
        f"Settings: set KEY=VALUE\n{table(rows)}\n\n"
        f"{FOOTER}"
    )


def help_of(topics: Sequence[str]) -> str:
    """Return the help of these groups, choices (GROUP=CHOICE) or settings; of none, the overview.

    Raises UserError for a topic that does not exist.
    """
    return "\n\n".join(map(_topic, topics)) if topics else overview()


def _topic(topic: str) -> str:
    group, equals, name = topic.partition("=")
    if topic == "all":
        chosen = [*PRESETS, *STAGES]
        return "\n\n".join([_settings_text(general_settings()), *map(_topic, chosen)])
    if equals and group in (*STAGES, *PRESETS):
        if name not in choice_names(group):
            known = choice_names(group)
            raise UserError(
                f"{group}: must be one of {', '.join(known)}, got {printable(name)!r}; "
                f"{near_choice(group, name, known)}"
            )
        return _choice_text(choice(group, name))
    if group in PRESETS:
        lines = [(f"{group}={one.name}", one.summary) for one in choices(group)]
        return f"{group}: presets; set {group}=CHOICE\n{table(lines)}"
    if group in STAGES:
        found = choices(group)
        heading = f"{group}: default {default_choice(group)}; set {group}=CHOICE"
        return "\n\n".join([heading, *map(_choice_text, found)])
    settings = [one for one in _all_settings() if f"{one.key}.".startswith(f"{group}.")]
    if not settings:
        raise UserError(
            f"--help {printable(topic)}: must name a group, choice or setting; "
            f"{near_setting(group, settings_by_key())}"
        )
    return _settings_text(settings)


def _all_settings() -> Iterator[Setting]:
    """Yield every setting once, the default choice of each group first."""
    seen = set()
    stages = (one for group in STAGES for one in _default_first(group))
    for setting in (*general_settings(), *(s for one in stages for s in one.settings)):
        if setting.key not in seen:
            seen.add(setting.key)
            yield setting


def _default_first(group: str) -> list[Choice]:
    return sorted(choices(group), key=lambda one: one.name != default_choice(group))


def _choice_text(one: Choice) -> str:
    heading = textwrap.fill(f"{one.group}={one.name}: {one.summary}", _width())
    if not one.settings:
        return heading
    if one.group in PRESETS:
        changed = (f"{s.key}={s.default}" for s in one.settings if s.default)
        body = textwrap.fill(" ".join(changed), _width() - 2, break_on_hyphens=False)
        return f"{heading}\n{textwrap.indent(body, '  ')}"
    return f"{heading}\n{_settings_text(one.settings)}"


def _settings_text(settings: Iterable[Setting]) -> str:
    """Return a table of settings: key, default, meaning and type."""
    rows = []
    for one in settings:
        type_ = f" ({one.type})" if one.type else ""
        rows.append((one.key, one.default or "-", f"{one.meaning}{type_}"))
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as text columns, the last one wrapped at the width of the terminal."""
    widths = [max(min(len(row[i]), 30) for row in rows) for i in range(len(rows[0]) - 1)]
    indent = 2 + sum(width + 2 for width in widths)
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        first = "  " + "".join(f"{cell}  " for cell in cells)
        lines += textwrap.wrap(
            row[-1],
            max(_width(), indent + 30),
            initial_indent=first,
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        ) or [first.rstrip()]
    return "\n".join(lines)


def _width() -> int:
    """Return the width of the terminal in characters, at most 100 for the sake of reading."""
    return min(shutil.get_terminal_size((100, 24)).columns, 100)
