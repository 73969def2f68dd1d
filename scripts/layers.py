"""The same as `dreamreel list layers`."""

import sys

from pipeline.cli.commands import run

if __name__ == "__main__":
    run("list", ["layers", *sys.argv[1:]])
