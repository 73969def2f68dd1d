"""Validation of the options of a codec and of their values.

Some options of encoders name files to write (`stats`, `csv`, `recon` ...), and settings may come
from an untrusted source. Options that hold text are therefore limited to a list; all others hold
numbers or names by their type.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pipeline.errors import UserError, did_you_mean, printable

VALUE = re.compile(r"[\w.,:+-]*", re.ASCII)
"""Pattern of an option's value: numbers and names."""
PARAMETER = re.compile(r"(?:no-)?([\w-]+)(?:=[\w.,+-]*)?", re.ASCII)
"""Pattern of one parameter in the value of an option in PARAMETERS; colons separate them."""
TEXT_TYPES = ("string", "dictionary", "binary")
"""ffmpeg's names of the option types whose value may be a file name."""
TEXTS = frozenset(
    {"preset", "tune", "profile", "level", "psy-rd", "deblock", "partitions", "wpredp", "vendor"}
)
"""Options of these types that do not name a file."""
PARAMETERS = {
    "x264-params": """
        8x8dct aq-mode aq-strength aud b-adapt b-bias b-pyramid bframes bitrate bluray-compat cabac
        chroma-qp-offset constrained-intra cplxblur cpu-independent crf crf-max deadzone-inter
        deadzone-intra deblock direct fast-pskip filler force-cfr intra-refresh ipratio keyint
        lookahead-threads mbtree me merange min-keyint mixed-refs mvrange mvrange-thread nal-hrd nr
        open-gop partitions pbratio psy psy-rd qblur qcomp qp qpmax qpmin qpstep ratetol
        rc-lookahead ref scenecut slice-max-mbs slice-max-size sliced-threads slices subme
        sync-lookahead threads trellis vbv-bufsize vbv-init vbv-maxrate weightb weightp
    """,
    "x265-params": """
        amp aq-mode aq-motion aq-strength b-adapt b-intra b-pyramid bframe-bias bframes bitrate
        cbqpoffs constrained-intra crf crf-max crf-min crqpoffs ctu cu-lossless cutree deblock
        early-skip fades fast-intra frame-threads gop-lookahead high-tier hist-scenecut hme
        intra-refresh ipratio keyint level-idc limit-modes limit-refs limit-sao limit-tu log-level
        lookahead-slices lookahead-threads lossless max-merge max-tu-size me merange min-cu-size
        min-keyint nr-inter nr-intra open-gop pbratio pme pmode pools psy-rd psy-rdoq qblur qcomp
        qg-size qp qpmax qpmin qpstep rc-grain rc-lookahead rd rd-refine rdoq-level rdpenalty rect
        ref repeat-headers rskip sao sao-non-deblock scenecut scenecut-bias selective-sao signhide
        slices splitrd-skip ssim-rd strong-intra-smoothing subme temporal-layers temporal-mvp tskip
        tskip-fast tu-inter-depth tu-intra-depth uhd-bd vbv-bufsize vbv-init vbv-maxrate weightb
        weightp wpp
    """,
    "svtav1-params": """
        aq-mode crf enable-cdef enable-dlf enable-overlays enable-qm enable-restoration enable-tf
        enable-variance-boost fast-decode film-grain film-grain-denoise hierarchical-levels
        irefresh-type keyint lookahead lp mbr pin qm-max qm-min qp rc scd sharpness tbr tile-columns
        tile-rows tune variance-boost-strength variance-octile
    """,
}
"""Options that hold the encoder's own parameters -> those parameters that do not name a file."""
OPTION = re.compile(r"^ +-(\S+) +<(\w+)> +E..V", re.MULTILINE)
"""Pattern of a line in ffmpeg's help with an option of a video encoder and its type."""


def check_options(
    options: Mapping[str, bool | int | float | str], known: Mapping[str, str], codec: str
) -> None:
    """Raise UserError unless the codec has all options and their values name no file.

    known: options of the codec -> their types. ffmpeg's own options (-f, -vf, -i) are not options
    of a codec, so they are rejected.
    """
    for key, value in options.items():
        if key not in known:
            raise UserError(
                f"encoder.options.{key}: must be an option of {codec}, got {key!r}; "
                f"{did_you_mean(key, known, 'remove it')}"
            )
        text = str(value)
        if key in PARAMETERS:
            _check_parameters(key, text, PARAMETERS[key].split())
        elif known[key] in TEXT_TYPES and key not in TEXTS:
            raise UserError(
                f"encoder.options.{key}: must not be an option that may name a file, got {key!r}; "
                "remove it"
            )
        elif not VALUE.fullmatch(text):
            raise UserError(
                f"encoder.options.{key}: must be a number or a name, got {printable(text)[:80]!r}; "
                "use only letters, digits and . , : + - _"
            )


def _check_parameters(key: str, text: str, known: Collection[str]) -> None:
    """Raise UserError unless the text reads NAME=VALUE:NAME=VALUE with known names."""
    for option in text.split(":"):
        found = PARAMETER.fullmatch(option)
        if found is None or not {found[1], option.partition("=")[0]} & {*known}:
            fix = did_you_mean(option.partition("=")[0], known, "remove it")
            raise UserError(
                f"encoder.options.{key}: must have the form NAME=VALUE:NAME=VALUE with supported "
                f"names, got {printable(option)[:80]!r}; {fix}"
            )
