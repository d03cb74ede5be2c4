"""The commands that need Qt: pictures of the window and of one chart, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from explorer import theme
from explorer.cli import run
from hwlib.design import files
from tests.explorer.test_main_window import linked_chip


@pytest.fixture
def chip(tmp_path: Path, qapp: QApplication) -> Iterator[str]:
    path = tmp_path / "chip.chip.json"
    files.save(linked_chip(), path)
    yield str(path)
    theme.apply(qapp, "light")


def shoot(chip: str, out: Path, *options: str) -> QImage:
    assert run(["screenshot", chip, "--out", str(out), *options]) == 0
    image = QImage(str(out))
    assert not image.isNull()
    return image


def test_picture_has_the_size_asked_for(chip: str, tmp_path: Path) -> None:
    image = shoot(chip, tmp_path / "a.png", "--size", "1280x720")
    assert (image.width(), image.height()) == (1280, 720)


def test_dark_picture_is_dark(chip: str, tmp_path: Path) -> None:
    corner = shoot(chip, tmp_path / "a.png", "--theme", "dark").pixelColor(2, 998)
    assert corner.name() == theme.DARK.window


@pytest.mark.parametrize("name", ["operator_time", "energy", "roofline", "operators"])
def test_picture_of_one_chart(chip: str, tmp_path: Path, name: str) -> None:
    image = shoot(chip, tmp_path / "a.png", "--chart", name, "--size", "640x400")
    assert (image.width(), image.height()) == (640, 400)
    colors = {image.pixel(x, y) for x in range(0, 640, 4) for y in range(0, 400, 4)}
    assert len(colors) > 8, "the picture is empty"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "big"], "1600x1000"),
        (["--size", "10x10"], "320"),
        (["--chart", "pie"], "roofline"),
        (["--model", "no such model"], "no such model"),
        (["--batch", "0"], "--batch"),
    ],
)
def test_bad_input_is_told_in_one_paragraph(
    chip: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert run(["screenshot", chip, "--out", str(tmp_path / "a.png"), *options]) == 2
    said = capfd.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "a.png").exists()


def test_picture_that_cannot_be_written_is_refused_at_once(chip: str, tmp_path: Path) -> None:
    assert run(["screenshot", chip, "--out", str(tmp_path / "a.txt")]) == 2
    assert run(["screenshot", chip, "--out", str(tmp_path / "no folder" / "a.png")]) == 2


def test_picture_that_the_disk_refuses_is_no_fault_inside(
    chip: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file name longer than any disk takes gets past the first look at it."""
    assert run(["screenshot", chip, "--out", str(tmp_path / f"{'long' * 80}.png")]) == 2
    said = capfd.readouterr().err
    assert "can't be written" in said
    assert "inside" not in said
    assert len(said.strip().splitlines()) == 1


def test_program_alone_opens_the_window(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Where no window can open, the answer is that of `chipscape gui`; --help still prints the help."""
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert run([]) == 2
    assert "no window can open" in capfd.readouterr().err
    assert run(["--help"]) == 0
    assert "screenshot" in capfd.readouterr().out


@pytest.mark.parametrize("module", ["explorer.cli_commands", "typer", "hwlib.cli", "msgspec"])
def test_ctrl_c_while_a_command_loads_ends_it_quietly(module: str) -> None:
    code = f"""
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.argv = ["chipscape", "devices"]
from explorer.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_of_several_designs_those_that_open_are_opened(
    chip: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    opened: list[Any] = []

    def run_window(designs: Any, *others: Any) -> int:
        opened.append(([path and path.name for _, path in designs], others[-1]))
        return 0

    monkeypatch.setattr("explorer.app.run", run_window)
    monkeypatch.setattr("explorer.cli_commands.require_qt", lambda window: None)
    assert run(["gui", chip, "no-such.chip.json", "edge-npu-lpddr5"]) == 0
    ((names, problems),) = opened
    assert names == ["chip.chip.json", None]
    assert len(problems) == 1
    assert "no-such.chip.json" in problems[0]
    assert run(["gui", "no-such.chip.json"]) == 2
    assert "no-such.chip.json" in capfd.readouterr().err
    assert len(opened) == 1


def test_window_without_a_display_says_so(
    chip: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert run(["gui", chip]) == 2
    assert "no display" in capfd.readouterr().err
