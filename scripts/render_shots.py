"""The same as `dreamreel shots`."""

from pipeline.cli.commands import run

if __name__ == "__main__":
    run("shots")
