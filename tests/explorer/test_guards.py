"""The suite's own guards bite: stray logs and things left behind fail a test, and clean tests pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SUITE = '''
"""Tests that the guards shall judge."""
import logging, threading
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

KEPT = []

def test_clean(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    QTimer(window).start(10)

def test_widget(qtbot):
    KEPT.append(QWidget())

def test_timer(qtbot):
    KEPT.append(QTimer())
    KEPT[-1].start(1000)

def test_thread():
    KEPT.append(threading.Event())
    threading.Thread(target=KEPT[-1].wait, daemon=True).start()

def test_stray():
    logging.getLogger("somebody").warning("unheard of")

@pytest.mark.expect_log("somebody: unheard")
def test_announced():
    logging.getLogger("somebody").warning("unheard of")

@pytest.mark.expect_log("never")
def test_unsaid():
    pass
'''


SKIPS = '''
"""Tests that skip themselves."""
import pytest

def test_needs_a_part():
    pytest.skip("no such program is installed")

def test_needs_data():
    pytest.skip("../shared is not here")

def test_needs_an_extra():
    pytest.importorskip("no_such_extra")
'''


def run_suite(folder: Path, code: str, **environment: str) -> str:
    """What pytest says of `code` as a test of the window, under this suite's settings and guards."""
    (folder / "tests" / "explorer").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    (folder / "tests" / "explorer" / "test_guarded.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name of each test of SUITE to what the guards said of it; only those they failed."""
    said = run_suite(tmp_path_factory.mktemp("guarded"), SUITE)
    assert "7 passed, 5 errors" in said
    return dict(re.findall(r"ERROR at teardown of (\w+) _+\n(.*?)(?=\n_____|\n=====)", said, flags=re.DOTALL))


def test_clean_tests_pass(verdicts: dict[str, str]) -> None:
    assert not {"test_clean", "test_announced"} & set(verdicts)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("test_widget", "top-level widget"),
        ("test_timer", "QTimer"),
        ("test_thread", "thread"),
        ("test_stray", "WARNING somebody: unheard of"),
        ("test_unsaid", "never came: ['never']"),
    ],
)
def test_what_is_left_behind_is_named(verdicts: dict[str, str], name: str, words: str) -> None:
    assert words in verdicts[name]


def test_a_missing_part_skips_but_not_under_ci(tmp_path: Path) -> None:
    assert "3 skipped" in run_suite(tmp_path / "here", SKIPS, CI="")
    under_ci = run_suite(tmp_path / "ci", SKIPS, CI="true")
    assert "1 failed, 2 skipped" in under_ci
    assert "no such program is installed" in under_ci
