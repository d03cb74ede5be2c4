"""Runs every command that README.md shows, in a folder of its own, and follows its links."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.preflight import missing_libraries

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# These open a window and stay; the journeys drive it.
OPENS_A_WINDOW = {"chipscape gui"}
# Times everything for a minute; the benchmark has tests of its own.
TOO_LONG = {"chipscape bench"}


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def runnable() -> list[str]:
    return [c for c in commands() if " ".join(c.split()[:2]) not in OPENS_A_WINDOW | TOO_LONG]


def test_readme_shows_every_command() -> None:
    shown = {line.split()[1] for line in commands()}
    assert shown >= {"gui", "evaluate", "compare", "screenshot", "devices", "models", "bench"}
    assert all(line.split()[0] == "chipscape" for line in commands())


@pytest.mark.parametrize("command", runnable())
def test_command_of_the_readme(command: str, tmp_path: Path) -> None:
    arguments = shlex.split(command)[1:]
    if arguments[0] == "screenshot" and missing_libraries(xcb=False):
        pytest.skip("Qt cannot load here")
    done = subprocess.run(
        [sys.executable, "-m", "explorer", *arguments],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if "--json" in arguments:
        json.loads(done.stdout)
    if "--out" in arguments:
        assert (tmp_path / arguments[arguments.index("--out") + 1]).stat().st_size > 0
    else:
        assert done.stdout.strip()


def test_python_of_the_readme(tmp_path: Path) -> None:
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)):
        script = tmp_path / f"block{number}.py"
        script.write_text(block, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, script],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


def test_links_of_the_readme_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert not [target for target in targets if not target.startswith("http") and not (ROOT / target).exists()]
