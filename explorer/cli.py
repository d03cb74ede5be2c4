"""The command line's way in. It loads little itself, so that Ctrl-C ends any command quietly from the first moment."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def run(argv: list[str] | None = None) -> int:
    """Run one command, those of hwlib.cli included; without any argument the window opens. The exit code."""
    given = (sys.argv[1:] if argv is None else argv) or ["gui"]
    try:
        # Here, because loading the commands takes longer than a hand takes to press Ctrl-C.
        from explorer.cli_commands import run as run_command

        return run_command(given)
    except KeyboardInterrupt:
        return INTERRUPTED


def main() -> None:
    """Run the command line of this process, and end it with the exit code."""
    sys.exit(run())
