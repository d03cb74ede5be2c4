"""Where the reference tables of other tools lie, for the tests that need them."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "reference"


def reference(name: str) -> Path:
    """A reference table; the test is skipped where the tables aren't beside the working tree."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{name} is not in ../shared/data/reference")
    return path
