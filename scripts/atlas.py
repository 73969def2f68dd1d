"""The same as `dreamreel atlas`."""

from pipeline.cli.commands import run

if __name__ == "__main__":
    run("atlas")
