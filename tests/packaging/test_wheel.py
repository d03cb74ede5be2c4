"""Builds the wheel, installs it in an environment of its own, and uses it there from an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed, away from this tree and its settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, ROOT]
    run(sys.executable, "-m", "pip", *build, cwd=folder)
    (built,) = folder.glob("chipscape-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of a fresh environment that holds the wheel and sees the dependencies installed here."""
    home = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home.parent)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=home)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    # A path in a .pth file is searched, but the .pth files there (this tree's editable install) are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return scripts


def test_wheel_carries_every_resource_and_module(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    resources = {f"hwlib/{p.relative_to(ROOT).as_posix()}" for p in (ROOT / "resources").rglob("*") if p.is_file()}
    code = {p.relative_to(ROOT).as_posix() for top in ("hwlib", "explorer") for p in (ROOT / top).rglob("*.py")}
    assert resources
    assert resources | code <= held


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"hwlib", "explorer"}


def test_installed_program_finds_its_resources(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "from hwlib import resources as r; print(r.resource_root())", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    models = json.loads(run(installed / "chipscape", "models", "--json", cwd=tmp_path))
    rows = models if isinstance(models, list) else models["models"]
    assert any("Llama-3.1-8B" in str(row) for row in rows)
    assert not list(tmp_path.iterdir()), "a command that only reads leaves nothing behind"
