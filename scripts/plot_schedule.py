"""The same as `dreamreel plot-schedule`."""

from pipeline.cli.commands import run

if __name__ == "__main__":
    run("plot-schedule")
