"""The parser of a subcommand, whose errors are one line like all others."""

from __future__ import annotations

import argparse
from typing import NoReturn

from pipeline.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser that raises UserError, where argparse prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError with the message."""
        raise UserError(f"{self.prog}: {message}; {self.prog} --help explains it")
