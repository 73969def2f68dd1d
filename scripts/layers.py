"""The same as `dreamreel list layers`."""

import sys

from pipeline.cli.commands import run_command

if __name__ == "__main__":
    run_command("list", ["layers", *sys.argv[1:]])
