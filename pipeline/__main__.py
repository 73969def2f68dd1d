"""The entry point: python -m pipeline, and the command dreamreel."""

from pipeline.cli.app import main

if __name__ == "__main__":
    main()
