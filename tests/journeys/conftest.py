"""What journeys need beside a display: hands for a program that runs in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest


@pytest.fixture
def xdotool(window_environment: dict[str, str]) -> Callable[..., str]:
    """Run xdotool on the real display; what it printed."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed, and a running window needs hands")

    def run(*arguments: str) -> str:
        result = subprocess.run(
            ["xdotool", *arguments], env=window_environment, check=True, capture_output=True, text=True, timeout=60
        )
        return result.stdout

    return run
