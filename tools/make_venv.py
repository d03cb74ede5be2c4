"""Makes `.venv` from the lock, once, and again when the lock, the project's requirements or the place changed.

Runs on a bare Python 3.11 or newer: `python tools/make_venv.py`; with --check it only says by its exit status
whether what is there is fresh. Packages come from wherever pip looks, and are checked against the lock's hashes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".made"
LOCK = ROOT / "requirements.lock"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def digest() -> str:
    """What the environment is made of: lock, requirements and entry points, interpreter, and where the clone lies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [LOCK.read_text(encoding="utf-8"), project["build-system"], project["project"], str(ROOT)]
    return hashlib.sha256(json.dumps([*parts, list(sys.version_info[:2])], sort_keys=True).encode()).hexdigest()


def fresh() -> bool:
    """Whether this Python's environment is `.venv`, made to the end from what the tree holds now."""
    return (
        Path(sys.prefix).resolve() == VENV.resolve()
        and STAMP.is_file()
        and STAMP.read_text(encoding="utf-8") == digest()
    )


def run(*command: str | Path) -> None:
    # A user's pip settings for plain installs would break one into an environment.
    environment = os.environ | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_REQUIRE_VIRTUALENV": "0"}
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT, env=environment)


def create() -> list[str | Path]:
    """Make an empty environment and give the command that runs pip for it."""
    if importlib.util.find_spec("ensurepip") is not None:
        run(sys.executable, "-m", "venv", "--clear", VENV)
        return [PYTHON, "-m", "pip"]
    if importlib.util.find_spec("pip") is not None:
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)
        return [sys.executable, "-m", "pip", "--python", PYTHON]
    raise SystemExit(
        "This Python cannot make virtual environments: its ensurepip module is missing.\n"
        "On Debian or Ubuntu: sudo apt-get install -y python3-venv"
    )


def main() -> int:
    if "--check" in sys.argv:
        return 0 if fresh() else 1
    print(f"Making .venv with Python {sys.version.split()[0]} (a minute or two, once) ...", flush=True)
    try:
        STAMP.unlink(missing_ok=True)
        pip = create()
        run(*pip, "install", "-q", "--only-binary", ":all:", "--require-hashes", "-r", LOCK)
        run(*pip, "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-e", ROOT)
        run(PYTHON, __file__, "--stamp")
    except subprocess.CalledProcessError as error:
        print(f"Could not make .venv: {' '.join(map(str, error.cmd))} failed; its message is above.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    if "--stamp" in sys.argv:  # by the new environment's own Python, so that the digest is the one it will compute
        STAMP.write_text(digest(), encoding="utf-8")
        raise SystemExit(0)
    raise SystemExit(main())
