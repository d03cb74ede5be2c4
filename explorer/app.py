"""Starts the application: QApplication, logging, faulthandler, the hook for uncaught errors, and the window."""

from __future__ import annotations

import faulthandler
import logging
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMessageLogContext, QSize, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from explorer import collector, settings, theme
from explorer.document import Baseline, Document
from explorer.errors import watching
from explorer.interrupts import INTERRUPTED, Interrupts
from explorer.main_window import MainWindow
from explorer.recovery import default_root
from explorer.settings import Preferences
from explorer.shell import records, starting
from hwlib.catalog import find_device
from hwlib.design.design import Design

if TYPE_CHECKING:
    from hwlib.workload.llm import LlmArchitecture
    from hwlib.workload.scenario import Scenario

DEFAULT_BASELINES = ("H100 SXM5 80GB", "A100 80GB SXM4")
DEFAULT_SIZE = QSize(1600, 1000)
LOG_BYTES = 1_000_000
HARMLESS = ("This plugin does not support",)
"""What Qt's offscreen platform says about everything it lacks."""
QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def app_version() -> str:
    """The installed program's version."""
    try:
        return version("chipscape")
    except PackageNotFoundError:
        return "unknown"


def application() -> QApplication:
    """The one QApplication, made where there is none yet."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    app = QApplication(sys.argv[:1])
    collector.in_gui_thread(app)
    app.setApplicationName(settings.APP_NAME)
    app.setApplicationDisplayName("Chipscape")
    app.setApplicationVersion(app_version())
    app.setDesktopFileName(settings.APP_NAME)
    return app


def default_baselines() -> tuple[Baseline, ...]:
    """The devices that a new window compares with."""
    names = [find_device(name).name for name in DEFAULT_BASELINES]
    return tuple(Baseline(name, device=name) for name in names)


def build_window(
    design: Design,
    scenario: Scenario,
    llm: LlmArchitecture,
    baselines: Iterable[Baseline] = (),
    theme_name: str = "light",
    *,
    path: Path | None = None,
    size: QSize = DEFAULT_SIZE,
    preferences: Preferences | None = None,
    asks: bool = False,
) -> MainWindow:
    """A window on a design, not yet shown, its first evaluation under way.

    The program, screenshots, tests and benchmarks all come through here. Without `preferences` nothing is remembered.
    """
    theme.apply(application(), theme_name)
    document = Document(design, scenario, llm, baselines, path)
    window = MainWindow(document, preferences, size, asks)
    window.evaluator.request()
    return window


def run(
    designs: Sequence[tuple[Design, Path | None]],
    scenario: Scenario,
    llm: LlmArchitecture,
    baselines: Iterable[Baseline] = (),
    theme_name: str | None = None,
    asked: frozenset[str] = frozenset({"design"}),
    problems: Sequence[str] = (),
) -> int:
    """Show a window with one design or more, each with its file, until the user closes it; the exit code.

    What the user has not `asked` for by the name of a parameter gives way to the preferences. `problems` says why
    designs that were asked for can't be shown.
    """
    preferences = settings.load()
    starting.scale_everything(preferences.ui_scale)
    app = application()
    start_logging(settings.log_path())
    records.session.start()
    scenario, llm = starting.workload(preferences, asked, scenario, llm)
    baselines = starting.baselines(preferences, tuple(baselines))
    before = starting.session(preferences, asked)
    chosen = theme_name or preferences.theme
    (design, path), *others = designs
    with watching(dialogs=True) as reporter:
        window = build_window(
            Design() if before else design, scenario, llm, baselines, chosen,
            path=path, size=fitting_size(), preferences=preferences, asks=True,
        )  # fmt: skip
        reporter.window = window
        reporter.rescue = window.desk.guard().write_now
        window.show()
        window.files.open_paths(before)
        window.files.open_beside(others)
        window.files.tell_unopened(problems)
        offered = window.desk.offer_left_over(default_root())
        if offered is None and "design" not in asked and not before and preferences.show_welcome:
            window.shell.welcome_at_start()
        interrupts = Interrupts(window, window.desk.guard().write_now)
        try:
            code = app.exec()
        finally:
            interrupts.stop()
        return INTERRUPTED if interrupts.came else code


def fitting_size() -> QSize:
    """The window's first size: the default, or what the screen has room for."""
    return DEFAULT_SIZE.boundedTo(application().primaryScreen().availableSize())


def start_logging(path: Path) -> None:
    """Log to a file that never grows without bound, Qt's own messages included; crashes leave a trace on stderr."""
    faulthandler.enable()
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    handlers[0].setLevel(logging.WARNING)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8"))
    except OSError:
        pass  # A read-only home is no reason not to start.
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=handlers)
    log_qt_messages()


def log_qt_messages() -> None:
    """Send what Qt has to say to the log, what the offscreen platform lacks as debugging messages."""
    qInstallMessageHandler(_log_qt)


def _log_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    level = logging.DEBUG if message.startswith(HARMLESS) else QT_LEVELS.get(kind, logging.WARNING)
    logging.getLogger("qt").log(level, "%s", message)
