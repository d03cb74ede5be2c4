"""Looks, before Qt is imported, at what Qt needs of the system: shared libraries and a living display.

Qt ends the whole process when one of them is missing, often without naming it. Nothing here imports Qt, and on
systems whose Qt brings everything along (Windows, macOS) each probe returns at once that all is well.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

DisplayState = Literal["ok", "none", "dead"]


class Library(NamedTuple):
    """A shared library Qt loads, and the package that brings it, by family of distributions."""

    soname: str
    debian: str
    fedora: str
    arch: str
    suse: str


# What QtGui and QtWidgets need even offscreen (DT_NEEDED of the wheel's libraries, less what the C++ runtime brings).
BASE_LIBRARIES = (
    Library("libEGL.so.1", "libegl1", "libglvnd-egl", "libglvnd", "libglvnd"),
    Library("libGL.so.1", "libgl1", "libglvnd-glx", "libglvnd", "libglvnd"),
    Library("libX11.so.6", "libx11-6", "libX11", "libx11", "libX11-6"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon", "libxkbcommon0"),
    Library("libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig", "libfontconfig1"),
    Library("libfreetype.so.6", "libfreetype6", "freetype", "freetype2", "libfreetype6"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2", "libglib-2_0-0"),
    Library("libgthread-2.0.so.0", "libglib2.0-0", "glib2", "glib2", "libgthread-2_0-0"),
    Library("libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus", "libdbus-1-3"),
    Library("libzstd.so.1", "libzstd1", "libzstd", "zstd", "libzstd1"),
    Library("libz.so.1", "zlib1g", "zlib", "zlib", "libz1"),
)
# What the xcb platform plugin needs on top, for a real window under X11.
XCB_LIBRARIES = (
    Library("libxcb.so.1", "libxcb1", "libxcb", "libxcb", "libxcb1"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor", "libxcb-cursor0"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm", "libxcb-icccm4"),
    Library("libxcb-util.so.1", "libxcb-util1", "xcb-util", "xcb-util", "libxcb-util1"),
    Library("libxcb-image.so.0", "libxcb-image0", "xcb-util-image", "xcb-util-image", "libxcb-image0"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms", "libxcb-keysyms1"),
    Library(
        "libxcb-render-util.so.0",
        "libxcb-render-util0",
        "xcb-util-renderutil",
        "xcb-util-renderutil",
        "libxcb-render-util0",
    ),
    Library("libxcb-randr.so.0", "libxcb-randr0", "libxcb", "libxcb", "libxcb-randr0"),
    Library("libxcb-render.so.0", "libxcb-render0", "libxcb", "libxcb", "libxcb-render0"),
    Library("libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb", "libxcb-shape0"),
    Library("libxcb-shm.so.0", "libxcb-shm0", "libxcb", "libxcb", "libxcb-shm0"),
    Library("libxcb-sync.so.1", "libxcb-sync1", "libxcb", "libxcb", "libxcb-sync1"),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb", "libxcb", "libxcb-xfixes0"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb", "libxcb", "libxcb-xkb1"),
    Library("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb", "libx11", "libX11-xcb1"),
    Library(
        "libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11", "libxkbcommon-x11-0"
    ),
)
WAYLAND_LIBRARIES = ("libwayland-client.so.0", "libwayland-cursor.so.0")
_INSTALL = {
    "debian": "sudo apt-get install -y",
    "fedora": "sudo dnf install -y",
    "arch": "sudo pacman -S --needed",
    "suse": "sudo zypper install -y",
}
_FAMILIES = {
    "debian": {"debian", "ubuntu", "linuxmint", "pop", "raspbian", "elementary", "kali"},
    "fedora": {"fedora", "rhel", "centos", "rocky", "almalinux", "ol", "amzn"},
    "arch": {"arch", "archarm", "manjaro", "endeavouros"},
    "suse": {"suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles"},
}


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def missing_libraries(xcb: bool, loads: Callable[[str], bool] = _loads) -> tuple[str, ...]:
    """Sonames that Qt needs and the loader does not find; with `xcb`, also those of a real X11 window.

    Empty wherever Qt brings its own (anything but Linux). `loads` says whether one soname can be loaded.
    """
    if not sys.platform.startswith("linux"):
        return ()
    wanted = BASE_LIBRARIES + (XCB_LIBRARIES if xcb else ())
    return tuple(library.soname for library in wanted if not loads(library.soname))


def _family(os_release_text: str) -> str | None:
    """`debian`, `fedora`, `arch` or `suse`, from the ID and ID_LIKE lines of os-release(5)."""
    found = dict(re.findall(r"^(ID|ID_LIKE)=(.*)$", os_release_text, flags=re.MULTILINE))
    for key in ("ID", "ID_LIKE"):
        try:
            names = {name for part in shlex.split(found.get(key, "")) for name in part.lower().split()}
        except ValueError:  # a quote left open
            continue
        for family, members in _FAMILIES.items():
            if names & members:
                return family
    return None


def install_line(missing: Iterable[str], os_release_text: str) -> str:
    """The one command that installs what is missing on this distribution; empty when nothing is missing.

    Where the distribution is not known the line names the libraries themselves.
    """
    sonames = list(dict.fromkeys(missing))
    if not sonames:
        return ""
    family = _family(os_release_text)
    if family is None:
        return "install the packages of your distribution that bring " + ", ".join(sonames)
    packages = {library.soname: getattr(library, family) for library in BASE_LIBRARIES + XCB_LIBRARIES}
    return " ".join([_INSTALL[family], *dict.fromkeys(packages.get(soname, soname) for soname in sonames)])


def os_release() -> str:
    """The text of os-release(5), or nothing where there is none."""
    for path in (Path("/etc/os-release"), Path("/usr/lib/os-release")):
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return ""


def _asked_for(*platforms: str) -> bool:
    """Whether QT_QPA_PLATFORM leaves the choice to Qt or names one of these platforms first."""
    wanted = os.environ.get("QT_QPA_PLATFORM", "")
    return not wanted or re.split("[:;-]", wanted)[0] in platforms


def draws_on_display() -> bool:
    """Whether Qt would draw on a display at all; QT_QPA_PLATFORM=offscreen, for one, does not."""
    return _asked_for("xcb", "wayland", "windows", "cocoa", "eglfs", "linuxfb")


def _wayland_answers() -> bool:
    """Whether Qt could be a client of a Wayland compositor here: it was named, it answers, and its library is there."""
    name = os.environ.get("WAYLAND_DISPLAY", "")
    if not name or not _asked_for("wayland") or not all(map(_loads, WAYLAND_LIBRARIES)):
        return False
    path = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / name  # an absolute name replaces the folder
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2.0)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _x11_answers() -> bool:
    """Ask libxcb itself, so that authority files, abstract sockets and ssh's TCP displays count as Qt counts them."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return False
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    try:
        return int(xcb.xcb_connection_has_error(connection)) == 0
    finally:
        xcb.xcb_disconnect(connection)


def display_state() -> DisplayState:
    """Whether Qt finds its display: `ok`, `none` (no display is named) or `dead` (the one named does not answer).

    `ok` too where QT_QPA_PLATFORM asks for none; see `draws_on_display`.
    """
    if not sys.platform.startswith("linux") or not _asked_for("xcb", "wayland") or _wayland_answers():
        return "ok"
    if os.environ.get("DISPLAY"):
        return "ok" if _x11_answers() else "dead"
    return "dead" if os.environ.get("WAYLAND_DISPLAY") else "none"


def needs_xcb() -> bool:
    """Whether a window here would go through X11, and so needs the xcb plugin's libraries too."""
    if not sys.platform.startswith("linux") or not _asked_for("xcb", "wayland"):
        return False
    return bool(os.environ.get("DISPLAY")) and not _wayland_answers()
