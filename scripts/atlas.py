"""The same as `dreamreel atlas`."""

from pipeline.cli.commands import run_command

if __name__ == "__main__":
    run_command("atlas")
