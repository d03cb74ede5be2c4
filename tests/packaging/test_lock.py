"""Holds requirements.lock fresh against pyproject.toml, without a network."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==(\S+?)(?: ; (.+?))? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def pins() -> dict[str, Version]:
    return {match[1]: Version(match[2]) for line in LOCK.splitlines() if (match := PIN.match(line))}


def required() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = (
        project["build-system"]["requires"],
        project["project"]["dependencies"],
        project["dependency-groups"]["dev"],
    )
    return [text for group in groups for text in group]


@pytest.mark.parametrize("text", required())
def test_every_requirement_contains_its_pin(text: str) -> None:
    requirement = Requirement(text)
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_lines_are_pins_and_hashes_alone() -> None:
    strange = [line for line in LOCK.splitlines() if not PIN.match(line) and not HASH.match(line)]
    assert not strange, "no addresses, options or comments belong here"


def test_every_pin_has_a_hash() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert len(entries) == len(pins()), "a package is pinned once, whatever the Python"


def test_what_the_pinned_packages_need_is_pinned_too() -> None:
    unpinned = set()
    for name in pins():
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform
        for need in map(Requirement, needs):
            applies = need.marker is None or need.marker.evaluate({"extra": ""})
            if applies and not need.specifier.contains(pins().get(canonicalize_name(need.name), Version("0"))):
                unpinned.add(f"{name} needs {need}")
    assert not unpinned
