"""`make run`: the window where there is a display, a picture and a report where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from explorer.preflight import missing_libraries
from explorer.run import EXAMPLE
from hwlib.catalog import load_example

ROOT = Path(__file__).parent.parent.parent
RUN = [sys.executable, "-m", "explorer.run"]
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def run_without_display(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in DISPLAYS} | {"PYTHONPATH": str(ROOT)} | more
    return subprocess.run(RUN, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.journey
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "There is no display here"),
        ({"DISPLAY": ":4095"}, "does not answer"),
        ({"QT_QPA_PLATFORM": "offscreen"}, "QT_QPA_PLATFORM is offscreen"),
    ],
)
def test_without_a_display_picture_and_report_are_left(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    if missing_libraries(xcb="DISPLAY" in environment):
        pytest.skip("Qt cannot load here")
    done = run_without_display(tmp_path, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout
    assert (tmp_path / "out" / "example.png").read_bytes().startswith(b"\x89PNG")
    report = (tmp_path / "out" / "example.html").read_text(encoding="utf-8")
    assert report.lstrip().lower().startswith("<!doctype html")
    assert "</html>" in report


@pytest.mark.journey
def test_with_a_display_the_window_opens(
    start_in_window: Callable[..., subprocess.Popen[str]], window_environment: dict[str, str], tmp_path: Path
) -> None:
    if shutil.which("xdotool") is None or missing_libraries(xcb=True):
        pytest.skip("xdotool or what Qt needs for an X11 window is not installed")
    program = start_in_window(*RUN)

    def xdotool(*arguments: str) -> str:
        command = ["xdotool", *arguments]
        done = subprocess.run(command, env=window_environment, capture_output=True, text=True, timeout=90, check=True)
        return done.stdout

    found = xdotool("search", "--sync", "--onlyvisible", "--name", "Chipscape").split()
    assert found, "no window with Chipscape in its title appeared"
    assert program.poll() is None
    assert not (tmp_path / "out").exists()
    xdotool("windowfocus", "--sync", found[0], "key", "--clearmodifiers", "ctrl+q")
    assert program.wait(timeout=60) == 0, "quitting ends the program cleanly"


def test_the_example_is_one_that_ships() -> None:
    assert load_example(EXAMPLE).blocks
