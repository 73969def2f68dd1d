"""The same as `dreamreel shots`."""

from pipeline.cli.commands import run_command

if __name__ == "__main__":
    run_command("shots")
