"""What surrounds the design in one window, wired together: palette, preferences, welcome, notices, log, layouts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMenu

from explorer import keymap, settings
from explorer.actions import Actions
from explorer.dialogs.about import About
from explorer.dialogs.command_palette import CommandPalette
from explorer.dialogs.layout_dialog import LayoutDialog
from explorer.dialogs.log_view import LogView
from explorer.dialogs.preferences import PreferencesDialog, Present
from explorer.dialogs.welcome import Welcome
from explorer.layout import Layout
from explorer.settings import Preferences
from explorer.shell import plan, shortcuts, starting
from explorer.shell.commands import all_commands
from explorer.shell.layouts import OwnLayouts
from explorer.shell.notices import Level, Notices
from explorer.shell.records import Line, session

if TYPE_CHECKING:
    from explorer.main_window import MainWindow

QUIET = ("qt", "explorer.errors")
"""Sources of records that are no news to the user, or have a dialog of their own."""


class Shell(QObject):
    """Opens the dialogs of a window and applies what is chosen there. It touches the window's public parts only."""

    preferred = Signal(object)
    """dict of the fields of Preferences that the user has changed."""
    plan_requested = Signal(str)
    """The name of an arrangement of the panels."""

    def __init__(self, window: MainWindow, preferences: Preferences | None) -> None:
        super().__init__(window)
        self._window = window
        self.palette: CommandPalette | None = None
        self.log: LogView | None = None
        self.notices = Notices(window, window.statusBar())
        self.layouts = OwnLayouts(window, (preferences or Preferences()).layouts)
        self.layouts.changed.connect(self._keep_layouts)
        self.layouts.chosen.connect(self.plan_requested)
        self.layouts.message.connect(self.tell)
        self._actions: Actions | None = None
        if preferences is not None:
            keymap.use(shortcuts.valid(preferences.shortcuts))
        session.added.connect(self._on_record, Qt.ConnectionType.QueuedConnection)

    def handlers(self) -> dict[str, Callable[..., object]]:
        """What its actions do."""
        return {
            "commands": self.open_palette,
            "preferences": self.open_preferences,
            "welcome": self.open_welcome,
            "log": self.open_log,
            "about": self.open_about,
            "save_layout": self.layouts.save_as,
            "manage_layouts": self.open_layouts,
            **{f"layout_{name}": _asking(self.plan_requested, name) for name in plan.WORDS},
        }

    def use(self, actions: Actions) -> None:
        """Take the actions of the window, once there are any."""
        self._actions = actions
        for menu in self._window.menuBar().findChildren(QMenu):
            if actions["save_layout"] in menu.actions():
                self.layouts.show_in(menu, actions["save_layout"], actions)

    # Notices

    def tell(self, text: str) -> None:
        """A word in passing about what was done."""
        self.notices.say(text, "ok")

    def say(self, text: str, level: Level = "note", details: str = "") -> None:
        """A notice of any level."""
        self.notices.say(text, level, details)

    def tell_problem(self, text: str, details: str = "") -> None:
        """Something did not work, and there is nothing to decide."""
        self.notices.say(text, "error", details)

    def warn_of_scenario(self, text: str) -> None:
        """What to know of the scenario; empty for nothing any more."""
        if text:
            self.notices.say(text, "warning", about="scenario")
        else:
            self.notices.settle("scenario")

    def tell_saved(self, path: Path) -> None:
        """A design was written."""
        self.tell(f"Saved {path.name}")

    def _on_record(self, line: Line) -> None:
        if line.level >= logging.WARNING and not line.source.startswith(QUIET):
            level: Level = "error" if line.level >= logging.ERROR else "warning"
            self.notices.say("Something did not work; the log says more", level, line.text)

    # Dialogs

    def open_palette(self, *_: object) -> CommandPalette:
        """Show the command palette."""
        if self.palette is None:
            self.palette = CommandPalette(self._window)
        self.palette.open_over(self._window, all_commands(self._window))
        return self.palette

    def open_preferences(self, *_: object) -> PreferencesDialog:
        """Show the preferences."""
        window = self._window
        present = Present(
            window.document.llm.name,
            window.document.scenario,
            tuple(b.device for b in window.document.baselines if b.device),
            str(window.desk.library.folder),
            starting.running_scale(),
        )
        dialog = PreferencesDialog(window.preferences, present, window)
        dialog.changed.connect(self._apply)
        dialog.open()
        return dialog

    def open_welcome(self, *_: object) -> Welcome:
        """Show the welcome."""
        files = self._window.files
        welcome = Welcome(files.recent.paths, self._window.preferences.show_welcome, self._window)
        welcome.example_chosen.connect(files.open_example)
        welcome.file_chosen.connect(files.open_path)
        welcome.empty_chosen.connect(files.new)
        welcome.open_chosen.connect(files.open)
        welcome.at_start_changed.connect(lambda on: self.preferred.emit({"show_welcome": on}))
        welcome.open()
        return welcome

    def welcome_at_start(self) -> Welcome:
        """Show the welcome over a window that nobody has asked a design for; its design gives way to the choice."""
        workspace = self._window.desk.workspace
        first = workspace.current
        welcome = self.open_welcome()

        def give_way(*_: object) -> None:
            if first in workspace.pages and workspace.current is not first and not first.dirty and first.path is None:
                workspace.close(first)

        for chosen in (welcome.example_chosen, welcome.file_chosen, welcome.empty_chosen, welcome.open_chosen):
            chosen.connect(give_way)
        return welcome

    def open_log(self, *_: object) -> LogView:
        """Show the log beside the window, or bring it to the front."""
        if self.log is None:
            self.log = LogView(session, str(settings.log_path()), self._window)
            self.log.setModal(False)
        self.log.refresh()
        self.log.show()
        self.log.raise_()
        self.log.activateWindow()
        return self.log

    def open_about(self, *_: object) -> About:
        """Show name, licence and versions."""
        about = About(self._window)
        about.open()
        return about

    # Preferences and layouts

    def _apply(self, fields: Mapping[str, Any]) -> None:
        """Make a changed preference hold in this window; the window keeps it."""
        if "shortcuts" in fields:
            keymap.use(fields["shortcuts"])
        if "library_folder" in fields:
            self._window.desk.library.set_folder(Path(fields["library_folder"]))
        self.preferred.emit(dict(fields))

    def _keep_layouts(self, kept: object) -> None:
        self.preferred.emit({"layouts": kept})

    def open_layouts(self, *_: object) -> LayoutDialog:
        """Show the dialog on the saved layouts."""
        dialog = LayoutDialog(self.layouts, self._window)
        dialog.open()
        return dialog

    def layout_shown(self, shown: Layout | str) -> None:
        """Another arrangement is on show."""
        if self._actions is not None:
            name = shown if isinstance(shown, str) else plan.name_of(shown)
            if name in plan.WORDS:
                self._actions[f"layout_{name}"].setChecked(True)
            self.layouts.mark(name)

    def remembered(self) -> dict[str, Any]:
        """The preferences' fields that are kept here: the files that are open, the one on show last."""
        workspace = self._window.desk.workspace
        pages = sorted(workspace.pages, key=lambda page: page is workspace.current)
        return {"session": tuple(str(page.path.absolute()) for page in pages if page.path is not None)}

    def shutdown(self) -> None:
        """The window closes."""
        session.added.disconnect(self._on_record)
        self.notices.clear()
        if self.log is not None:
            self.log.close()


def _asking(signal: Any, name: str) -> Callable[..., None]:
    """A handler that leaves out whether its action is checked."""

    def ask(*_: object) -> None:
        signal.emit(name)

    return ask
