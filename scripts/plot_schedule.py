"""The same as `dreamreel plot-schedule`."""

from pipeline.cli.commands import run_command

if __name__ == "__main__":
    run_command("plot-schedule")
