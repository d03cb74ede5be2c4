"""What make does before there is an environment, and how it knows that one is stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that make an environment, without one."""
    shutil.copytree(ROOT / "tools", tmp_path / "clone" / "tools")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / "clone")
    return tmp_path / "clone"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MAKE", "MFLAGS"))}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def empty_environment(clone: Path) -> str:
    """An environment without packages, as an unfinished run leaves it; its Python."""
    run(clone, sys.executable, "-m", "venv", "--without-pip", ".venv")
    return str(clone / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def test_make_alone_lists_what_it_can_do(clone: Path) -> None:
    listed = run(clone, "make").stdout
    assert all(f"make {target} " in listed for target in ("venv", "run", "test", "lint", "bench"))
    assert not (clone / ".venv").exists()


def test_without_a_fitting_python_make_says_so(clone: Path) -> None:
    done = run(clone, "make", "venv", "PYTHON=no-such-python false")
    assert done.returncode != 0
    assert "needs Python 3.11 to 3.14" in done.stderr
    assert "no-such-python" in done.stderr


def test_an_environment_is_fresh_only_when_finished(clone: Path) -> None:
    python = empty_environment(clone)
    assert run(clone, python, "tools/make_venv.py", "--check").returncode == 1
    assert run(clone, python, "tools/make_venv.py", "--stamp").returncode == 0
    assert run(clone, python, "tools/make_venv.py", "--check").returncode == 0
    assert run(clone, "make", "venv", "PYTHON=no-such-python").returncode == 0, "a fresh one needs no other Python"


@pytest.mark.parametrize(
    ("name", "before", "after", "stale"),
    [
        ("requirements.lock", "numpy==", "numpy==9", True),
        ("pyproject.toml", 'chipscape = "explorer.cli:main"', 'chips = "explorer.cli:main"', True),
        ("pyproject.toml", "line-length = 120", "line-length = 100", False),
    ],
)
def test_an_environment_is_stale_when_what_it_holds_changed(
    clone: Path, name: str, before: str, after: str, stale: bool
) -> None:
    python = empty_environment(clone)
    run(clone, python, "tools/make_venv.py", "--stamp")
    text = (clone / name).read_text(encoding="utf-8")
    assert before in text
    (clone / name).write_text(text.replace(before, after), encoding="utf-8")
    assert run(clone, python, "tools/make_venv.py", "--check").returncode == int(stale)


def test_an_environment_that_moved_is_stale(clone: Path) -> None:
    run(clone, empty_environment(clone), "tools/make_venv.py", "--stamp")
    moved = clone.rename(clone.with_name("moved"))
    python = str(moved / ".venv" / "bin" / "python")
    assert run(moved, python, "tools/make_venv.py", "--check").returncode == 1
