"""Entry point of `python -m pipeline` and of the command `dreamreel`."""

from pipeline.cli.commands import main

if __name__ == "__main__":
    main()
