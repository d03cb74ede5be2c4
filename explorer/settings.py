"""What the program remembers between sessions: theme, snapping, window layout. Read and written as one small file."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from explorer.timed import Timed
from hwlib.workload.scenario import Scenario

log = logging.getLogger(__name__)

APP_NAME = "chipscape"
ThemeName = Literal["light", "dark", "system"]


class OwnLayout(msgspec.Struct, frozen=True, kw_only=True):
    """An arrangement of the panels that the user has saved."""

    name: str
    state: bytes
    """QMainWindow.saveState."""
    hidden: tuple[str, ...] = ()
    """The panels that are closed in it."""


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """The user's own choices. Fields that a later version adds take their default here."""

    theme: ThemeName = "system"
    snap: bool = True
    folder: str = ""
    """Where the last design was opened or saved."""
    recent: tuple[str, ...] = ()
    """Files that were opened or saved, the last one first."""
    library_folder: str = ""
    """The folder of the library; empty: Chipscape in the user's documents."""
    library_order: str = "name"
    shortcuts: dict[str, str] = {}
    """Keys by action id, of the actions whose keys the user has changed."""
    ui_scale: int = 100
    """Size of everything in per cent, from the next start on."""
    grid_step_m: float = 0.0
    """Step of the canvas' grid; 0: one that fits the die."""
    restore_session: bool = True
    """Open at the start what was open at the end."""
    session: tuple[str, ...] = ()
    """The files that were open at the end, the one on show last."""
    show_welcome: bool = True
    """Show the welcome at a start without a design."""
    llm: str = ""
    """Name of the LLM that a new window serves; empty: the program's own choice."""
    scenario: Scenario | None = None
    """What a new window serves; None: the program's own choice."""
    devices: tuple[str, ...] | None = None
    """The catalog devices that a new window compares with; None: the program's own choice."""
    timed: dict[str, Timed] = {}
    """How catalog devices are timed, by name, where the user has chosen that."""
    layout_name: str = "design"
    """The named arrangement of the panels that was on show last."""
    layouts: tuple[OwnLayout, ...] = ()
    """The arrangements that the user has saved."""
    geometry: bytes = b""
    """QWidget.saveGeometry of the window."""
    layout: bytes = b""
    """QMainWindow.saveState of the window."""
    hidden: tuple[str, ...] = ()
    """The panels that are closed in it."""
    by_hand: bool = False
    """The user has moved or closed panels: they no longer change places with the window's size."""
    layout_of: str = ""
    """What `layout` was saved under: another program version, Qt version or screen makes it void."""


def preferences_path() -> Path:
    """The file in the user's configuration folder."""
    return Path(platformdirs.user_config_dir(APP_NAME, appauthor=False)) / "preferences.json"


def log_path() -> Path:
    """The program's log file."""
    return Path(platformdirs.user_log_dir(APP_NAME, appauthor=False)) / "chipscape.log"


def load(path: Path | None = None) -> Preferences:
    """The remembered choices; the defaults where there is no file or it can't be read."""
    try:
        return msgspec.json.decode((path or preferences_path()).read_bytes(), type=Preferences)
    except FileNotFoundError:
        return Preferences()
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        log.info("preferences are back to their defaults: %s", error)
        return Preferences()


def save(preferences: Preferences, path: Path | None = None) -> None:
    """Remember the choices, whole or not at all. A disk that refuses is logged: it must not stop the program."""
    target = path or preferences_path()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(preferences)))
        os.replace(temporary, target)
    except OSError as error:
        log.info("preferences could not be saved: %s", error)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
