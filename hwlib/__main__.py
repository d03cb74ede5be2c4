"""Runs the commands that need no window as `python -m hwlib`."""

from hwlib.cli import main

if __name__ == "__main__":
    main()
