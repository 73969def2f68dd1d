"""The settings that a result was rendered with, read from its recipe.yaml or its own metadata."""

from __future__ import annotations

import re
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.documentation import STAGES
from pipeline.config.hydra_config import top_level_defaults
from pipeline.config.plain_data import check_plain
from pipeline.config.preset_rules import USER_ONLY_KEYS
from pipeline.errors import UserError, printable
from pipeline.image_io.suffixes import is_pictures
from pipeline.storage.file_names import check_name
from pipeline.storage.work_dir import work_dir
from pipeline.sweep.plan import PLAN, STATUS, read_plan, status_of

KEY = "from"
TARGET = "_target_"
RECIPE = "recipe.yaml"
MAX_SETTINGS = 1 << 18
"""Maximum length of settings, in characters; of a preset, in bytes."""
MAX_TAGS = 1 << 21
"""Maximum number of bytes of a video's tags, as ffmpeg prints them, to search for the comment."""
COMMENT = re.compile(r"^comment=((?:\\.|[^\\\n])*)", re.MULTILINE | re.IGNORECASE | re.DOTALL)
"""The comment tag as ffmpeg prints it, with a backslash before special characters."""


def result_settings(path: Path) -> dict[str, Any]:
    """Return the resolved settings that a result was rendered with, with those of every stage.

    path: a job of a sweep, a work folder, a recipe.yaml, or a result with embedded settings. Raises
    UserError if it has none.
    """
    check_name(KEY, path)
    settings = _read(path)
    for group in STAGES:
        if not isinstance(settings.get(group), dict) or TARGET not in settings[group]:
            raise UserError(
                f"{KEY}: must contain settings of {group}, got {printable(path)} without them; "
                "choose another result"
            )
    return settings


def _read(path: Path) -> dict[str, Any]:
    """Return the resolved settings of the result at this path. Raises UserError if it has none."""
    if not path.exists():
        raise _not_a_result(path)
    is_recipe = path.suffix == ".yaml" or path.is_dir()
    text = _recipe(path) if is_recipe else _comment(path)
    if len(text) > MAX_SETTINGS:
        raise _not_a_result(path)
    try:
        check_plain(text.encode(), f"{KEY}: the settings of {printable(path)}", ())
        settings = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise _not_a_result(path) from error
    if not isinstance(settings, dict):
        raise _not_a_result(path)
    # A recipe contains all settings, and the caller ignores those that only the user may set. Of
    # these, embedded settings never contain any.
    for key in ("trust",) if is_recipe else USER_ONLY_KEYS:
        if settings.get(key):
            fix = f"remove {key} from that file" if is_recipe else "choose another result"
            raise UserError(
                f"{KEY}: {printable(path)} must not set {key}, which only the command line may "
                f"set, got {printable(settings[key])[:80]}; {fix}"
            )
    return settings


def _recipe(path: Path) -> str:
    """Return the text of a recipe.yaml, given itself or by its job or work folder.

    Raises UserError.
    """
    file = path
    if (path / STATUS).is_file():
        file = work_dir(path / (Path(status_of(path).output).name or "dream.mp4")) / RECIPE
    elif path.is_dir():
        file = path / RECIPE
    _check_regular(file, path)
    try:
        with file.open(encoding="utf-8") as stream:
            return stream.read(MAX_SETTINGS + 1)
    except (OSError, ValueError) as error:
        raise _not_a_result(path) from error


def _comment(path: Path) -> str:
    """Return the settings embedded in a result's comment. Raises UserError if there are none."""
    _check_regular(path, path)
    comment = _image_comment(path) if is_pictures(str(path)) else _video_comment(path)
    first, _, text = comment[: MAX_SETTINGS + 100].partition("\n")
    if not first.startswith("dreamreel "):
        raise _not_a_result(path)
    return text


def _image_comment(path: Path) -> str:
    """Return the comment of an image, "" if it has none. Raises UserError if it cannot be read."""
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return str(image.info.get("comment", ""))
    except Exception as error:  # a truncated header, a decompression bomb ...
        raise _not_a_result(path) from error


def _video_comment(path: Path) -> str:
    """Return the comment of a video, "" if it has none. Raises UserError if it cannot be read."""
    from pipeline.ffmpeg.decoding import lines
    from pipeline.limits import Limits  # not needed for --help and TAB completion

    limits = Limits(**top_level_defaults()["limits"])
    tags, size = [], 0
    with closing(lines(path, (), ("-f", "ffmetadata", "-"), limits)) as found:
        for line in found:
            tags.append(line)
            size += len(line) + 1
            if size > MAX_TAGS:
                break
    match = COMMENT.search(b"\n".join(tags)[:MAX_TAGS].decode("utf-8", "replace"))
    return re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL) if match else ""


def _check_regular(file: Path, path: Path) -> None:
    """Raise UserError if the file is not a regular one: a pipe or device could block forever.

    path: the path that the user gave, for the error message.
    """
    if file.exists() and not file.is_file():
        raise _not_a_result(path)


def _not_a_result(path: Path) -> UserError:
    if not path.exists():
        got, fix = f"{printable(path)}, which does not exist", "check the name"
    elif (path / PLAN).exists():
        jobs = [job.name for job in read_plan(path).jobs]
        first = printable(path / jobs[0]) if jobs else "SWEEP/JOB"
        got, fix = f"the sweep {printable(path)}", f"set from={first}"
    else:
        got, fix = f"{printable(path)}, which contains no settings", "choose another result"
    return UserError(
        f"{KEY}: must be a job of a sweep, a recipe.yaml, or a video or .png made by dreamreel, "
        f"got {got}; {fix}"
    )
