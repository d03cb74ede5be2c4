"""What is found out before Qt loads: libraries, displays, and the line that installs what is missing."""

from __future__ import annotations

import ctypes.util
import os
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from explorer import preflight
from explorer.run import why_no_window

linux_only = "the probes look at Linux's loader and displays"
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'
UNKNOWN_UBUNTU = 'ID=brandnew\nID_LIKE="ubuntu debian"\n'
ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'
TUMBLEWEED = 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n'
ALL = [library.soname for library in preflight.BASE_LIBRARIES + preflight.XCB_LIBRARIES]


@pytest.fixture
def linux() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip(linux_only)


@pytest.mark.parametrize(
    ("release", "line"),
    [
        (DEBIAN, "sudo apt-get install -y libegl1 libgl1"),
        (MINT, "sudo apt-get install -y libegl1 libgl1"),
        (UNKNOWN_UBUNTU, "sudo apt-get install -y libegl1 libgl1"),
        (ROCKY, "sudo dnf install -y libglvnd-egl libglvnd-glx"),
        ("ID=arch\n", "sudo pacman -S --needed libglvnd"),
        (TUMBLEWEED, "sudo zypper install -y libglvnd"),
        ("", "install the packages of your distribution that bring libEGL.so.1, libGL.so.1"),
        ('ID="open', "install the packages of your distribution that bring libEGL.so.1, libGL.so.1"),
    ],
)
def test_install_line_speaks_the_distributions_language(release: str, line: str) -> None:
    assert preflight.install_line(["libEGL.so.1", "libGL.so.1"], release) == line


@pytest.mark.parametrize("release", [DEBIAN, ROCKY, "ID=arch\n", TUMBLEWEED])
def test_every_library_has_a_package_everywhere(release: str) -> None:
    words = preflight.install_line(ALL, release).split()
    assert not [word for word in words if ".so" in word]
    assert len(words) == len(set(words))


def test_nothing_missing_needs_no_line() -> None:
    assert preflight.install_line((), DEBIAN) == ""


def test_missing_libraries_are_named(linux: None) -> None:
    def without_x11_cursor(soname: str) -> bool:
        return soname != "libxcb-cursor.so.0"

    assert preflight.missing_libraries(xcb=False, loads=without_x11_cursor) == ()
    assert preflight.missing_libraries(xcb=True, loads=without_x11_cursor) == ("libxcb-cursor.so.0",)
    assert preflight.missing_libraries(xcb=True, loads=lambda _: False) == tuple(ALL)
    assert "libEGL.so.1" in why_no_window(("libEGL.so.1",))


def test_the_list_covers_what_qt_links_to(linux: None) -> None:
    """Every library outside the wheel that Qt's own files name, as the loader resolves them, is probed."""
    (core,) = [f for f in metadata.files("PySide6-Essentials") or [] if f.name == "libQt6Core.so.6"]
    qt = Path(str(core.locate())).parents[1]
    probed = {"base": {library.soname for library in preflight.BASE_LIBRARIES}, "xcb": set(ALL)}
    for kind, files in {
        "base": ["lib/libQt6Core.so.6", "lib/libQt6Gui.so.6", "lib/libQt6Widgets.so.6", "lib/libQt6Svg.so.6",
                 "lib/libQt6DBus.so.6", "plugins/platforms/libqoffscreen.so"],
        "xcb": ["plugins/platforms/libqxcb.so", "lib/libQt6XcbQpa.so.6"],
    }.items():  # fmt: skip
        named = {name for file in files for name in needed(qt / file)}
        runtime = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"}
        system = {n for n in named if not (qt / "lib" / n).exists() and not n.startswith("ld-linux")} - runtime
        assert system <= probed[kind]


def needed(file: Path) -> set[str]:
    """DT_NEEDED of a 64-bit little-endian ELF file: the strings its dynamic section names."""
    data = file.read_bytes()
    word = lambda at, size=8: int.from_bytes(data[at : at + size], "little")  # noqa: E731
    headers = [word(32) + i * word(54, 2) for i in range(word(56, 2))]
    loads = [(word(h + 16), word(h + 8), word(h + 32)) for h in headers if word(h, 4) == 1]
    (dynamic,) = [(word(h + 8), word(h + 32)) for h in headers if word(h, 4) == 2]
    entries = [(word(at), word(at + 8)) for at in range(dynamic[0], sum(dynamic), 16)]
    address = next(value for tag, value in entries if tag == 5)
    strings = next(address - start + offset for start, offset, size in loads if start <= address < start + size)
    offsets = [strings + value for tag, value in entries if tag == 1]
    return {data[at : data.index(b"\0", at)].decode() for at in offsets}


def state(**environment: str) -> str:
    """`display_state` in a process of its own with only these of the variables that name displays."""
    names = {"DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "QT_QPA_PLATFORM"}
    code = "from explorer import preflight as p; print(p.display_state(), p.needs_xcb(), p.draws_on_display())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={k: v for k, v in os.environ.items() if k not in names} | environment,
        cwd=Path(__file__).parent.parent.parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_no_display(linux: None) -> None:
    assert state() == "none False True"


def test_a_dead_display(linux: None) -> None:
    assert state(DISPLAY=":4095") == "dead True True"
    assert state(WAYLAND_DISPLAY="wayland-4095", XDG_RUNTIME_DIR="/nonexistent") == "dead False True"


def test_offscreen_needs_no_display_and_shows_none(linux: None) -> None:
    assert state(QT_QPA_PLATFORM="offscreen", DISPLAY=":4095") == "ok False False"


def test_a_living_display(linux: None, xvfb_display: str) -> None:
    assert state(DISPLAY=xvfb_display) == "ok True True"


def test_a_living_compositor(linux: None, tmp_path: Path) -> None:
    # Without libwayland Qt could not be this compositor's client.
    usable = all(ctypes.util.find_library(name) for name in ("wayland-client", "wayland-cursor"))
    with socket.socket(socket.AF_UNIX) as compositor:
        compositor.bind(str(tmp_path / "wayland-7"))
        compositor.listen()
        assert (
            state(WAYLAND_DISPLAY="wayland-7", XDG_RUNTIME_DIR=str(tmp_path))
            == ("ok" if usable else "dead") + " False True"
        )


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_other_systems_bring_their_own(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert preflight.missing_libraries(xcb=True, loads=lambda _: False) == ()
    assert preflight.display_state() == "ok"
    assert not preflight.needs_xcb()
