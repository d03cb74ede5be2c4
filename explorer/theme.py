"""The window's look: light and dark palettes, one colour per resource and block kind, font sizes and the 8 px grid."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

NAMES = ("light", "dark", "system")

GRID_PX = 8
"""Every margin and gap is a multiple of this."""
HALF_GRID_PX = 4
TEXT_PX = 13
"""Size of all text but figures."""
FIGURE_PX = 20
"""Size of headline figures and of nothing else."""


@dataclass(frozen=True)
class Theme:
    """Colours of one theme as "#rrggbb". Every text colour has a contrast of at least 4.5 on `window` and `base`."""

    name: str
    dark: bool
    window: str
    base: str
    raised: str
    text: str
    muted: str
    border: str
    accent: str
    on_accent: str
    grid: str
    warning: str
    error: str
    ok: str


LIGHT = Theme(
    name="light", dark=False, window="#f4f5f7", base="#ffffff", raised="#e9ecf0", text="#1b1f24", muted="#57606a",
    border="#cfd5dc", accent="#1f5fbf", on_accent="#ffffff", grid="#e3e7ec", warning="#805400", error="#b3261e",
    ok="#146c2e",
)  # fmt: skip
DARK = Theme(
    name="dark", dark=True, window="#1c1e22", base="#24272c", raised="#31353b", text="#e8eaed", muted="#a8b0ba",
    border="#41464e", accent="#7ab0ff", on_accent="#10151c", grid="#343940", warning="#e8b84a", error="#ff8a80",
    ok="#6bd48a",
)  # fmt: skip

_COMPUTE, _SRAM, _DRAM, _LINK = "#0072b2", "#56b4e9", "#d55e00", "#009e73"
_CONVERTER, _CELL, _VECTOR, _STATIC = "#cc79a7", "#e69f00", "#b8a800", "#808080"

RESOURCE_COLORS: dict[str, str] = {
    "compute": _COMPUTE, "mac": _COMPUTE, "operand": _COMPUTE,
    "sram": _SRAM,
    "dram": _DRAM,
    "link": _LINK, "wire": _LINK, "port": _LINK,
    "adc": _CONVERTER, "dac": _CONVERTER, "shift_add": _CONVERTER,
    "crossbar": _CELL, "cell": _CELL, "program": _CELL,
    "vector": _VECTOR,
    "static": _STATIC, "overhead": _STATIC,
}  # fmt: skip
"""Colour of every resource and energy component of `hwlib.report`, the same in both themes (Okabe and Ito's, safe for
colour-blind eyes)."""

KIND_COLORS: dict[str, str] = {
    "compute_array": _COMPUTE, "vector_unit": _VECTOR, "sram": _SRAM, "dram": _DRAM, "crossbar": _CELL, "noc": _LINK,
    "port": _LINK,
}  # fmt: skip
"""Colour of every block kind: that of the resource it is."""

_HATCH, _CROSS, _DOTS = Qt.BrushStyle.BDiagPattern, Qt.BrushStyle.DiagCrossPattern, Qt.BrushStyle.Dense5Pattern
RESOURCE_PATTERNS: dict[str, Qt.BrushStyle] = {
    "operand": _HATCH, "port": _HATCH, "dac": _HATCH, "shift_add": _DOTS, "program": _HATCH,
}  # fmt: skip
"""Fill pattern of those that share their colour with another; all others are solid."""
BASELINE_PATTERNS = (_CROSS, Qt.BrushStyle.HorPattern, Qt.BrushStyle.FDiagPattern, Qt.BrushStyle.VerPattern, _DOTS)
"""Fill patterns of the grey baselines in their order, repeating."""
BASELINE_DASHES = ((8.0, 4.0), (2.0, 3.0), (10.0, 3.0, 2.0, 3.0), (5.0, 2.0, 1.0, 2.0, 1.0, 2.0), (14.0, 6.0))
"""Dash patterns of the grey baselines' lines in their order, repeating, in pen widths."""


class Notifier(QObject):
    """Tells that the theme changed."""

    changed = Signal()


notifier = Notifier()
_current: Theme = LIGHT
_chosen = "light"


def current() -> Theme:
    """The theme that is on screen now."""
    return _current


def chosen() -> str:
    """What the user asked for: "light", "dark" or "system"."""
    return _chosen


def theme_for(name: str) -> Theme:
    """The colours of "light" or "dark", or of what the system prefers. Raises ValueError for another name."""
    if name not in NAMES:
        raise ValueError(f"no theme {name!r}: choose one of {', '.join(NAMES)}")
    if name == "system":
        app = QApplication.instance()
        scheme = app.styleHints().colorScheme() if isinstance(app, QApplication) else Qt.ColorScheme.Light
        return DARK if scheme == Qt.ColorScheme.Dark else LIGHT
    return DARK if name == "dark" else LIGHT


def palette(name: str) -> QPalette:
    """The QPalette of a theme by name. Raises ValueError for an unknown name."""
    return palette_of(theme_for(name))


def palette_of(t: Theme) -> QPalette:
    """The QPalette that shows a theme in the Fusion style."""
    role = QPalette.ColorRole
    colors = {
        role.Window: t.window, role.WindowText: t.text, role.Base: t.base, role.AlternateBase: t.window,
        role.Text: t.text, role.Button: t.raised, role.ButtonText: t.text, role.BrightText: t.error,
        role.ToolTipBase: t.raised, role.ToolTipText: t.text, role.PlaceholderText: t.muted,
        role.Highlight: t.accent, role.HighlightedText: t.on_accent, role.Accent: t.accent,
        role.Link: t.accent, role.LinkVisited: t.accent,
        role.Light: mix(t.raised, "#ffffff", 0.06 if t.dark else 0.6), role.Midlight: t.raised,
        role.Mid: t.border, role.Dark: mix(t.border, "#000000", 0.25), role.Shadow: "#000000",
    }  # fmt: skip
    result = QPalette()
    for key, color in colors.items():
        result.setColor(key, QColor(color))
    faint = QColor(mix(t.muted, t.window, 0.35))
    for key in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        result.setColor(QPalette.ColorGroup.Disabled, key, faint)
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(t.border))
    return result


def stylesheet(t: Theme) -> str:
    """What a palette cannot say: flat docks, quiet headers and splitters, readable tooltips."""
    return f"""
QToolTip {{ color: {t.text}; background: {t.raised}; border: 1px solid {t.border}; padding: 4px; }}
QMenu {{ border: 1px solid {mix(t.border, t.muted, 0.35)}; background: {t.base}; }}
QMenu::item {{ padding: 4px 20px 4px 12px; }}
QMenu::item:selected {{ background: {t.accent}; color: {t.on_accent}; }}
QMenu::item:disabled {{ background: transparent; color: {t.muted}; }}
QMenu::separator {{ background: {t.grid}; height: 1px; margin: 3px 6px; }}
QMenu::indicator {{ left: 5px; width: 14px; height: 14px; }}
QMenu::indicator:non-exclusive:unchecked {{ border: 1px solid {mix(t.border, t.muted, 0.5)}; border-radius: 2px;
    background: {t.base}; width: 12px; height: 12px; }}
QFrame#help {{ border: 1px solid {mix(t.border, t.muted, 0.35)}; background: {t.window}; }}
QFrame#device_timing {{ border: 1px solid {t.border}; background: {t.window}; }}
QCheckBox::indicator:unchecked {{ border: 1px solid {mix(t.border, t.muted, 0.5)}; border-radius: 2px;
    background: {t.base}; width: 12px; height: 12px; }}
QCheckBox::indicator:unchecked:disabled {{ border-color: {t.border}; }}
QMainWindow::separator {{ background: {t.border}; width: 1px; height: 1px; margin: 3px; }}
QMainWindow::separator:hover {{ background: {t.accent}; }}
QDockWidget::title {{ background: {t.window}; padding: 4px 8px; text-align: left; }}
QToolBar {{ background: {t.window}; border: 0; spacing: 4px; padding: 2px 8px; }}
QTabBar::tab {{ color: {t.muted}; background: transparent; border: 0; padding: 4px 10px; }}
QTabBar::tab:top {{ border-bottom: 2px solid transparent; }}
QTabBar::tab:bottom {{ border-top: 2px solid transparent; }}
QTabBar::tab:hover, QTabBar::tab:selected {{ color: {t.text}; }}
QTabBar::tab:top:selected {{ border-bottom-color: {t.accent}; }}
QTabBar::tab:bottom:selected {{ border-top-color: {t.accent}; }}
QTabBar::tab:focus {{ color: {t.accent}; }}
QStatusBar {{ background: {t.window}; color: {t.muted}; }}
QStatusBar::item {{ border: 0; }}
QHeaderView {{ background: {t.window}; }}
QHeaderView::section {{ background: {t.window}; color: {t.muted}; border: 0; border-bottom: 1px solid {t.border};
    padding: 4px 8px; }}
QScrollBar {{ background: transparent; border: 0; margin: 0; }}
QScrollBar:vertical {{ width: 10px; }}
QScrollBar:horizontal {{ height: 10px; }}
QScrollBar::handle {{ background: {mix(t.border, t.muted, 0.35)}; border-radius: 3px; margin: 2px; min-width: 24px;
    min-height: 24px; }}
QScrollBar::handle:hover {{ background: {t.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QAbstractScrollArea::corner {{ background: transparent; border: 0; }}
QTableView::item {{ padding: 0 8px; border: 0; }}
QTableView {{ border: 0; gridline-color: {t.grid}; background: {t.base}; alternate-background-color: {t.window}; }}
"""


def apply(app: QApplication, name: str) -> None:
    """Shows a theme in the whole application and tells everybody. Raises ValueError for an unknown name."""
    global _chosen
    theme_for(name)
    if _chosen != "system" or name != "system":
        hints = app.styleHints()
        if _chosen == "system":
            hints.colorSchemeChanged.disconnect(_follow_system)
        elif name == "system":
            hints.colorSchemeChanged.connect(_follow_system)
    _chosen = name
    _show(app)


def _follow_system() -> None:
    app = QApplication.instance()
    if isinstance(app, QApplication) and theme_for("system") is not _current:
        _show(app)


def _show(app: QApplication) -> None:
    global _current
    _current = theme_for(_chosen)
    # A style sheet hides the name of the style below it, so the application remembers.
    if app.property("chipscape_style") is None:
        app.setStyle("Fusion")
        app.setProperty("chipscape_style", "Fusion")
    app.setPalette(palette_of(_current))
    app.setFont(text_font())
    app.setStyleSheet(stylesheet(_current))
    notifier.changed.emit()


def text_font(bold: bool = False) -> QFont:
    """The system's font in the size of all text; `bold` is the one weight change."""
    return _font(TEXT_PX, bold)


def figure_font() -> QFont:
    """The font of headline figures."""
    return _font(FIGURE_PX, True)


def _font(size_px: int, bold: bool) -> QFont:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setPixelSize(size_px)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font


def mix(a: str, b: str, share: float) -> str:
    """The colour between `a` and `b` with `share` of `b` (0 to 1), as "#rrggbb"."""
    pa, pb = QColor(a), QColor(b)
    channels = ((pa.red(), pb.red()), (pa.green(), pb.green()), (pa.blue(), pb.blue()))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in channels)


def luminance(color: str) -> float:
    """Relative luminance from 0 (black) to 1 (white) (WCAG 2.2, relative luminance)."""
    c = QColor(color)
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c.redF(), c.greenF(), c.blueF())]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours from 1 to 21 (WCAG 2.2, contrast ratio)."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def text_on(fill: str) -> str:
    """Black or white, whichever reads better on a fill."""
    return max("#000000", "#ffffff", key=lambda ink: contrast(ink, fill))


def outline(fill: str) -> str:
    """The edge of a filled shape: the fill drawn towards the text colour, so that it stands off both backgrounds."""
    return mix(fill, _current.text, 0.35)


def baseline_gray(index: int) -> str:
    """The grey of the baseline at `index`; neighbours differ, and every one stands off the background."""
    steps = (0.25, 0.45, 0.1)
    return mix(_current.muted, _current.base, steps[index % len(steps)])


def gray_of(color: str) -> str:
    """The grey that a baseline's part has where the design's has `color`: as light or dark, between the extremes."""
    lightness = QColor(color).lightnessF()
    level = round(255 * (0.30 + 0.40 * lightness) if _current.dark else 255 * (0.42 + 0.40 * lightness))
    return f"#{level:02x}{level:02x}{level:02x}"
