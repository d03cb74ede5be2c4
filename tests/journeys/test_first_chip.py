"""A user's first quarter of an hour: draw, connect, change a value, see the figures move, undo, save, open again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.journey
@pytest.mark.parametrize(
    "story",
    [
        "draw_a_chip",
        "starve_it_of_memory",
        "take_everything_back",
        "compare_two_memories",
        "feel_the_memory_wall",
        "ask_how_they_know",
        "shorten_wires_and_pin_weights",
    ],
)
def test_story_in_a_real_window(story: str, start_in_window: Callable[..., Any], tmp_path: Path) -> None:
    """Each story runs in a process of its own, in a window on a real display."""
    process = start_in_window(sys.executable, "-W", "error", "-m", "tests.journeys.stories", story, str(tmp_path))
    output, errors = process.communicate(timeout=180)
    assert process.returncode == 0, f"{output}\n{errors}"
    assert output.strip().endswith("done")


@pytest.mark.journey
def test_gui_command_opens_a_window_that_ctrl_q_closes(start_in_window: Callable[..., Any], xdotool: Any) -> None:
    """`chipscape gui` as a person starts it, driven from outside."""
    process = start_in_window(sys.executable, "-m", "explorer", "gui", "tensor-gpu-hbm3", "--theme", "dark")
    window = xdotool("search", "--sync", "--onlyvisible", "--name", "Chipscape").split()[0]
    xdotool("windowfocus", "--sync", window)
    xdotool("key", "--delay", "50", "ctrl+q")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
