"""The parser of a subcommand that takes an input and settings, as a render does."""

from __future__ import annotations

import argparse

from pipeline.cli.parser import Parser


def settings_parser(command: str, description: str | None, input_: str) -> argparse.ArgumentParser:
    """Return the parser of a subcommand with `settings`, to which it adds its own options.

    description: shown with its line breaks, as that of a module with examples. input_: the kind of
    input, for the help: "a video".
    """
    result = Parser(
        prog=f"dreamreel {command}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "settings", nargs="+", metavar="INPUT|KEY=VALUE", help=f"{input_} and any settings"
    )
    return result
