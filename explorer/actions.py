"""The one table of actions; menus, toolbar and shortcuts are made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar

from explorer import keymap
from explorer.document import Document
from explorer.keymap import keys_of as keys_of
from explorer.keymap import shown_keys as shown_keys

Handler = Callable[..., object]
Keys = QKeySequence.StandardKey
Shortcut = QKeySequence.StandardKey | str | None


def _always(_: Document) -> bool:
    return True


def _selected(document: Document) -> bool:
    return bool(document.selection)


def _linkable(document: Document) -> bool:
    """True for two selected blocks, or one without links that there is something to link to."""
    design, chosen = document.design, document.selected_blocks
    free = not any(chosen & {link.source, link.target} for link in design.links)
    return len(chosen) == 2 or (len(chosen) == 1 and free and len(design.blocks) > 1)


def _has_blocks(document: Document) -> bool:
    return bool(document.design.blocks)


def _block_selected(document: Document) -> bool:
    return bool(document.selected_blocks)


def _one_block(document: Document) -> bool:
    return len(document.selected_blocks) == 1


def _three_blocks(document: Document) -> bool:
    return len(document.selected_blocks) >= 3


def _can_undo(document: Document) -> bool:
    return document.undo_stack.canUndo()


def _can_redo(document: Document) -> bool:
    return document.undo_stack.canRedo()


@dataclass(frozen=True)
class ActionSpec:
    """One action. `menu` is a path ("View/Theme"); where `section` changes within a menu, a separator stands."""

    id: str
    text: str
    menu: str
    tip: str
    shortcut: Shortcut = None
    """Keys that hold in the whole window."""
    canvas_keys: str = ""
    """Keys that hold while the canvas has the focus: elsewhere a plain letter is typed, or searches a list."""
    enabled: Callable[[Document], bool] = _always
    section: int = 0
    checkable: bool = False
    group: str = ""
    """Actions of one group exclude each other."""
    in_toolbar: bool = False


MENUS = ("&File", "&Edit", "&View", "&Tools", "&Help")

ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("new", "&New", "&File", "Start an empty design in a tab of its own", "Ctrl+N; Ctrl+T"),
    ActionSpec("open", "&Open…", "&File", "Open design files, each in a tab", Keys.Open, in_toolbar=True),
    ActionSpec("close_tab", "&Close", "&File", "Close this design", "Ctrl+W; Ctrl+F4"),
    ActionSpec("save", "&Save", "&File", "Save the design", Keys.Save, section=1, in_toolbar=True),
    ActionSpec("save_as", "Save &as…", "&File", "Save the design under another name", "Ctrl+Shift+S", section=1),
    ActionSpec("export_report", "&Report of this design…", "&File/&Export", "Save its figures as page, table or JSON"),
    ActionSpec("export_chip", "&Picture of the chip…", "&File/&Export", "Save the chip as the canvas shows it"),
    ActionSpec("welcome", "&Welcome…", "&File", "Examples and the files used last", section=2),
    ActionSpec("quit", "&Quit", "&File", "Close the window", "Ctrl+Q", section=3),
    ActionSpec("undo", "&Undo", "&Edit", "Take the last step back", Keys.Undo, enabled=_can_undo, in_toolbar=True),
    ActionSpec("redo", "&Redo", "&Edit", "Do the step again", "Ctrl+Shift+Z; Ctrl+Y",
               enabled=_can_redo, in_toolbar=True),
    ActionSpec("cut", "Cu&t", "&Edit", "Copy the selected blocks and delete them", None, "Ctrl+X", _block_selected, 1),
    ActionSpec("copy", "&Copy", "&Edit", "Put the selected blocks and the links among them onto the clipboard", None,
               "Ctrl+C", _block_selected, 1),
    ActionSpec("paste", "&Paste", "&Edit", "Add the blocks on the clipboard at the pointer", None, "Ctrl+V", section=1),
    ActionSpec("duplicate", "D&uplicate", "&Edit", "Copy the selected blocks and the links among them", "Ctrl+D", "",
               _block_selected, 1),
    ActionSpec("array", "Make arra&y…", "&Edit", "Repeat the selected blocks in rows and columns", "Ctrl+Shift+D", "",
               _block_selected, 1),
    ActionSpec("delete", "&Delete", "&Edit", "Delete the selected blocks and links", "Del", "Backspace",
               _selected, 1),
    ActionSpec("rename", "Rena&me", "&Edit", "Write another name for the selected block", None, "F2", _one_block, 2),
    ActionSpec("turn", "Tu&rn by 90°", "&Edit", "Turn the selected blocks", None, "R", _block_selected, 2),
    ActionSpec("wider", "Make &wider", "&Edit", "Wider and lower by a step of the grid: the area stays", None, "W",
               _block_selected, 2),
    ActionSpec("narrower", "Make narrower", "&Edit", "Narrower and higher by a step of the grid: the area stays", None,
               "Shift+W", _block_selected, 2),
    ActionSpec("lock", "Loc&k or unlock", "&Edit", "Keep the selected blocks where they are", None, "L",
               _block_selected, 2),
    ActionSpec("align_left", "&Left edges", "&Edit/Ali&gn", "Move the selected blocks to one left edge", None,
               "Ctrl+Left", _block_selected),
    ActionSpec("align_centre", "&Centres", "&Edit/Ali&gn", "Move the selected blocks onto one upright line", None, "H",
               _block_selected),
    ActionSpec("align_right", "&Right edges", "&Edit/Ali&gn", "Move the selected blocks to one right edge", None,
               "Ctrl+Right", _block_selected),
    ActionSpec("align_top", "&Upper edges", "&Edit/Ali&gn", "Move the selected blocks to one upper edge", None,
               "Ctrl+Up", _block_selected, 1),
    ActionSpec("align_middle", "&Middles", "&Edit/Ali&gn", "Move the selected blocks onto one level line", None, "V",
               _block_selected, 1),
    ActionSpec("align_bottom", "Lo&wer edges", "&Edit/Ali&gn", "Move the selected blocks to one lower edge", None,
               "Ctrl+Down", _block_selected, 1),
    ActionSpec("distribute_across", "Spread &across", "&Edit/Ali&gn", "Make the gaps from left to right equal", None,
               "Shift+H", _three_blocks, 2),
    ActionSpec("distribute_down", "Spread &down", "&Edit/Ali&gn", "Make the gaps from top to bottom equal", None,
               "Shift+V", _three_blocks, 2),
    ActionSpec("arrange", "A&uto-arrange", "&Edit", "Move the blocks so that wires take less energy", "Ctrl+Shift+A",
               "", _has_blocks, 2),
    ActionSpec("select_all", "Select &all", "&Edit", "Select every block", Keys.SelectAll, "", _has_blocks, 3),
    ActionSpec("select_next", "Select &next", "&Edit", "Select the next block", None, "N", _has_blocks, 3),
    ActionSpec("select_previous", "Select &previous", "&Edit", "Select the block before", None, "Shift+N",
               _has_blocks, 3),
    ActionSpec("select_second", "Select next as well", "&Edit", "Keep a block and select the next one too, to link",
               None, "A", _has_blocks, 3),
    ActionSpec("select_link", "Select next lin&k", "&Edit", "Select the next link, of the selected block first", None,
               "K", _has_blocks, 3),
    ActionSpec("connect", "&Connect", "&Edit", "Link the two selected blocks, or the selected one as proposed",
               "Ctrl+L", "", _linkable, 4),
    ActionSpec("link_mode", "Draw &links", "&Edit", "Press on a block and let go on another to link them", None, "C",
               _has_blocks, 4, checkable=True),
    ActionSpec("preferences", "Preferences…", "&Edit", "Look, files, defaults and keys", "Ctrl+,", section=5),
    ActionSpec("zoom_in", "Zoom &in", "&View", "Show the die larger", "Ctrl++; Ctrl+=", "+; ="),
    ActionSpec("zoom_out", "Zoom &out", "&View", "Show the die smaller", Keys.ZoomOut, "-"),
    ActionSpec("zoom_fit", "Zoom to &fit", "&View", "Show the whole die", "Ctrl+0", "F"),
    ActionSpec("fit_selection", "Zoom to s&election", "&View", "Show what is selected as large as it gets", None,
               "Shift+F", _block_selected),
    ActionSpec("compare", "&Compare", "&View", "Designs, devices and snapshots side by side, or back to the chip", "F6",
               section=1, checkable=True),
    ActionSpec("pin", "&Pin snapshot", "&View", "Keep this design as it is now, to compare with later", "Ctrl+B",
               section=1),
    ActionSpec("memory_wall", "&Memory wall", "&View", "Throughput against batch, prompt, bandwidth or capacity", "F7",
               section=1),
    ActionSpec("timeline", "T&imeline", "&View", "A decode step or the prefill, block by block", "F8", section=1),
    ActionSpec("placement", "&Placement of weights", "&View", "Which weights live in which memory, and how they could",
               "Shift+F7", section=1),
    ActionSpec("mapping", "&Mapping of an operator", "&View", "Tiles and loops of the selected operator", "Shift+F8",
               section=1),
    ActionSpec("chart_data", "Copy &data", "&View/C&hart", "Copy the chart's figures as a table", "Ctrl+Shift+C"),
    ActionSpec("chart_picture", "Copy &picture", "&View/C&hart", "Copy the chart as a picture"),
    ActionSpec("chart_export", "&Export…", "&View/C&hart", "Save the chart as PNG, SVG or CSV", "Ctrl+Shift+E"),
    ActionSpec("chart_freeze", "&Freeze axes", "&View/C&hart", "Hold the chart's axes while figures change",
               "Ctrl+Shift+F", section=1, checkable=True),
    ActionSpec("chart_linear", "&Linear scale", "&View/C&hart", "A linear axis in place of the logarithmic one",
               section=1, checkable=True),
    ActionSpec("snap", "&Snap to grid", "&View", "Blocks move in steps of the grid", "Ctrl+G", "G", section=1,
               checkable=True),
    ActionSpec("minimap", "O&verview in a corner", "&View", "Show the whole chip small while only a part is in sight",
               None, "M", section=1, checkable=True),
    ActionSpec("overlay_use", "&Utilisation", "&View/&Overlay", "Colours show how busy blocks are", None, "1",
               checkable=True, group="overlay"),
    ActionSpec("overlay_power", "&Power density", "&View/&Overlay", "Colours show power over area", None, "2",
               checkable=True, group="overlay"),
    ActionSpec("overlay_traffic", "&Traffic on links", "&View/&Overlay", "Colours show how much of each link is used",
               None, "3", checkable=True, group="overlay"),
    ActionSpec("overlay_bound", "What &binds", "&View/&Overlay", "Colours show what decode waits for", None, "4",
               checkable=True, group="overlay"),
    ActionSpec("overlay_weights", "Where &weights live", "&View/&Overlay", "Colours show which memory holds weights",
               None, "5", checkable=True, group="overlay"),
    ActionSpec("overlay_kinds", "&Kinds only", "&View/&Overlay", "Colours show kinds of blocks and nothing else", None,
               "6", checkable=True, group="overlay"),
    ActionSpec("theme_light", "&Light", "&View/&Theme", "Dark text on a light ground", checkable=True, group="theme"),
    ActionSpec("theme_dark", "&Dark", "&View/&Theme", "Light text on a dark ground", checkable=True, group="theme"),
    ActionSpec("theme_system", "&System", "&View/&Theme", "As the desktop is set", checkable=True, group="theme"),
    ActionSpec("library", "&Library", "&View", "Look through the saved designs", "Ctrl+Shift+L", section=2),
    ActionSpec("next_tab", "&Next design", "&View", "Show the design in the next tab", "Ctrl+Tab; Ctrl+PgDown",
               section=2),
    ActionSpec("previous_tab", "&Previous design", "&View", "Show the design in the tab before",
               "Ctrl+Shift+Tab; Ctrl+PgUp", section=2),
    ActionSpec("panels", "&Move panels", "&View", "Title bars to move, float and close the panels by", section=3,
               checkable=True),
    ActionSpec("layout_design", "&Design", "&View/La&yout", "The chip with its figures, charts and parameters",
               "Ctrl+Alt+1", checkable=True, group="layout"),
    ActionSpec("layout_compare", "&Compare", "&View/La&yout", "Several designs side by side", "Ctrl+Alt+2",
               checkable=True, group="layout"),
    ActionSpec("layout_teach", "&Teach", "&View/La&yout", "Few and large: the chip and its memory wall", "Ctrl+Alt+3",
               checkable=True, group="layout"),
    ActionSpec("save_layout", "&Save layout as…", "&View/La&yout", "Keep the panels' places under a name", section=1),
    ActionSpec("manage_layouts", "&My layouts…", "&View/La&yout", "Show, rename, update or delete saved layouts",
               section=1),
    ActionSpec("reset_layout", "&Reset layout", "&View", "Put every panel back where it belongs", section=3),
    ActionSpec("evidence", "&How do you know?…", "&Tools", "What the figures of the measured devices rest on", "F9"),
    ActionSpec("published", "&Published chips…", "&Tools", "What was published of chips, beside what the model finds"),
    ActionSpec("validate_table", "&Validate a table…", "&Tools", "How far predictions are from your own measurements",
               section=1),
    ActionSpec("calibrate_table", "&Calibrate from a table…", "&Tools",
               "Fit a device's kernels to your own measurements", section=1),
    ActionSpec("commands", "Find a &command…", "&Help", "Type a few letters of anything that can be done here",
               "Ctrl+Shift+P"),
    ActionSpec("log", "&Log…", "&Help", "What this session has recorded", section=1),
    ActionSpec("about", "&About Chipscape", "&Help", "Version and licence", section=1),
)  # fmt: skip
BY_ID = {spec.id: spec for spec in ACTIONS}


class Actions(QObject):
    """The QActions of the table, each bound to its handler and enabled as the document allows.

    Raises KeyError at construction where an action has no handler.
    """

    def __init__(self, document: Document, handlers: Mapping[str, Handler], parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self._groups: dict[str, QActionGroup] = {}
        self.by_id = {spec.id: self._made(spec, handlers[spec.id]) for spec in ACTIONS}
        # Each edit changes the history, so `changed` need not be heard as well.
        document.selection_changed.connect(self.refresh)
        document.history_changed.connect(self.refresh)
        keymap.notifier.changed.connect(self._rebind)
        self.refresh()

    def __getitem__(self, action_id: str) -> QAction:
        return self.by_id[action_id]

    def refresh(self, *_: object) -> None:
        """Enable what the document allows now, and name the steps that undo and redo would take."""
        for spec in ACTIONS:
            self.by_id[spec.id].setEnabled(spec.enabled(self._document))
        stack = self._document.undo_stack
        for action_id, verb, step in (("undo", "Undo", stack.undoText()), ("redo", "Redo", stack.redoText())):
            self.by_id[action_id].setText(_naming(f"&{verb}", step))
            self.by_id[action_id].setIconText(verb)

    def fill_menus(self, bar: QMenuBar, before: Mapping[str, QMenu] | None = None) -> dict[str, QMenu]:
        """Make the menus; a menu of `before` goes in front of the action with that id. Returns the menus by path."""
        menus = {title: bar.addMenu(title) for title in MENUS}
        sections: dict[str, int] = {}
        for spec in ACTIONS:
            menu = menus.get(spec.menu) or self._submenu(menus, spec.menu)
            if sections.setdefault(spec.menu, spec.section) != spec.section:
                menu.addSeparator()
                sections[spec.menu] = spec.section
            if before and spec.id in before:
                menu.addMenu(before[spec.id])
            menu.addAction(self.by_id[spec.id])
        return menus

    def fill_toolbar(self, toolbar: QToolBar) -> None:
        """Add the actions that stand in the toolbar, each by its word."""
        toolbar.addActions([self.by_id[spec.id] for spec in ACTIONS if spec.in_toolbar])

    def all(self) -> Iterable[QAction]:
        """Every action, in the order of the table."""
        return self.by_id.values()

    def _made(self, spec: ActionSpec, handler: Handler) -> QAction:
        action = QAction(spec.text, self)
        action.setObjectName(f"action.{spec.id}")
        action.setIconText(spec.text.replace("&", "").rstrip("…"))
        action.setStatusTip(spec.tip)
        action.setCheckable(spec.checkable)
        _bind(action, spec)
        if spec.group:
            self._groups.setdefault(spec.group, QActionGroup(self)).addAction(action)
        action.triggered.connect(handler)
        return action

    def _rebind(self) -> None:
        """The user has chosen other keys."""
        for spec in ACTIONS:
            _bind(self.by_id[spec.id], spec)

    def _submenu(self, menus: dict[str, QMenu], path: str) -> QMenu:
        parent, title = path.rsplit("/", 1)
        menus[parent].addSeparator()
        menus[path] = menus[parent].addMenu(title)
        return menus[path]


def _bind(action: QAction, spec: ActionSpec) -> None:
    """Give an action the keys that stand for it, and name them in its tip."""
    keys = keymap.window_keys(spec)
    # Keys of the canvas are only named in the menu: it reads them itself, and no widget of this context is focused.
    context = Qt.ShortcutContext.WindowShortcut if keys else Qt.ShortcutContext.WidgetShortcut
    action.setShortcutContext(context)
    action.setShortcuts(keys or [shown_keys(spec)])
    said = keymap.shown_text(spec)
    action.setToolTip(f"{spec.tip} ({said})" if said else spec.tip)


def _naming(verb: str, step: str) -> str:
    return f"{verb}: {step[0].lower()}{step[1:]}" if step else verb
