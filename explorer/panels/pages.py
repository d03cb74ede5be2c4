"""The inspector's pages: chip settings, blocks or links of one kind, and the summary of a mixed selection."""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Sequence
from functools import cache

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QFocusEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from explorer import theme
from explorer.document import Document
from explorer.panels.derived import block_figures, link_figures, modelled
from explorer.panels.fields import Editor, TextEdit, make_editor
from explorer.panels.pinned import HOLDING, PinnedSection
from explorer.panels.rows import FieldRow, FigureRow, Section
from explorer.panels.values import Value
from explorer.widgets.style import Tinted, heading
from hwlib.design.design import Block, Design, Link, Settings
from hwlib.design.edit import EditError, change_parameter, move_blocks, replace_block, replace_link, replace_settings
from hwlib.design.parts import KIND_LABELS, fields_of
from hwlib.fields import PartField, part_fields
from hwlib.report import Report
from hwlib.units import format_quantity

LINK = "link"
NAME_LIMIT = 200
NOTE_LIMIT = 10_000
NOTE_LINES = 4


def _field(
    name: str, label: str, help: str, unit: str = "", lo: float | None = None, hi: float | None = None
) -> PartField:
    """A field of the design that isn't a part's parameter."""
    return PartField(
        name=name, label=label, type="float", unit=unit, optional=False, default=None, lo=lo, hi=hi, choices=(),
        help=help, formula="", source="", override=False,
    )  # fmt: skip


NAME = _field("name", "Name", "What the block is called on the canvas and in tables.")
CHIP_NAME = _field("name", "Name", "What the chip is called in charts and tables.")
PLACEMENT = (
    _field("x_m", "Left", "Left edge of the block, from the die's left edge.", "m", -1.0, 1.0),
    _field("y_m", "Top", "Top edge of the block, from the die's top edge, downwards.", "m", -1.0, 1.0),
    _field("aspect", "Width : height", "Shape of the block. Its area follows from its parameters.", "", 0.02, 50.0),
)


@cache
def link_fields() -> tuple[PartField, ...]:
    """The parameters of a link as declared; its id and ends are no parameters."""
    hints = typing.get_type_hints(Link, include_extras=True)
    declared = [(f.name, hints[f.name], f.default) for f in msgspec.structs.fields(Link)]
    parameters = [d for d in declared if d[0] in ("width_bits", "clock_Hz")]
    return part_fields(msgspec.defstruct("LinkParameters", parameters))


class Page(QWidget):
    """Base of the pages: editors by field name, and one way to turn an edit of theirs into a step of the history."""

    explain_requested = Signal(str)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.editors: dict[str, Editor] = {}
        self.report: Report | None = None
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(theme.GRID_PX, theme.GRID_PX, theme.GRID_PX, theme.GRID_PX)
        self.column.setSpacing(theme.HALF_GRID_PX)

    def refresh(self, report: Report | None) -> None:
        """Show the document's and the report's values."""
        raise NotImplementedError

    def add_fields(self, fields: Sequence[PartField], into: QVBoxLayout, *, stacked: bool = False) -> None:
        """A row for each field."""
        for field in fields:
            self.add_editor(make_editor(field), into, stacked=stacked)

    def add_editor(self, editor: Editor, into: QVBoxLayout, *, stacked: bool = False) -> FieldRow:
        """A row for one editor."""
        self.editors[editor.field.name] = editor
        row = FieldRow(editor, stacked=stacked)
        editor.edited.connect(self._edited)
        into.addWidget(row)
        return row

    def _edited(self, value: Value, key: object) -> None:
        editor = self.sender()
        assert isinstance(editor, Editor)
        try:
            after = self.changed(self.document.design, editor.field, value)
            self.document.edit(self.edit_text(editor.field), after, (key, self.scope()))
        except (EditError, KeyError) as error:
            self.refresh(self.report)
            editor.say(str(error))

    def changed(self, design: Design, field: PartField, value: Value) -> Design:
        """The design with one field of the page's subject changed."""
        raise NotImplementedError

    def edit_text(self, field: PartField) -> str:
        """What the step is called in the history."""
        raise NotImplementedError

    def scope(self) -> object:
        """What tells this page's subject from others, for merging steps."""
        return None


class NoteEdit(QPlainTextEdit):
    """The chip's note: free text, one step of the history for each stay."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._stay: int | None = None
        self.setTabChangesFocus(True)
        self.setPlaceholderText("What this chip is for")
        self.setAccessibleName("Note")
        self.setFixedHeight(self.fontMetrics().lineSpacing() * NOTE_LINES + 2 * theme.GRID_PX)
        self.textChanged.connect(self._typed)

    def show_note(self, note: str) -> None:
        """Show the design's note."""
        if note != self.toPlainText():
            self._stay = None
            self.blockSignals(True)
            self.setPlainText(note)
            self.blockSignals(False)

    def _typed(self) -> None:
        text = self.toPlainText()[:NOTE_LIMIT]
        if self._stay is None:
            self._stay = self._document.new_gesture()
        after = msgspec.structs.replace(self._document.design, note=text)
        self._document.edit("Edit the note", after, ("note", self._stay))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._stay = None
        super().focusOutEvent(event)


class ChipPage(Page):
    """Name, note and settings of the whole chip."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.column.addWidget(heading("Chip"))
        self.name = TextEdit(CHIP_NAME, NAME_LIMIT)
        self.add_editor(self.name, self.column)
        fields = part_fields(Settings)
        self.add_fields([f for f in fields if not f.override], self.column)
        self._evaluated = figures = Section("As evaluated")
        self.figures = {key: FigureRow(label) for key, label in CHIP_FIGURES.items()}
        for row in self.figures.values():
            figures.rows.addWidget(row)
            row.figure.asked.connect(self._asked)
        self.column.addWidget(figures)
        note = Section("Note")
        self.note = NoteEdit(document)
        note.rows.addWidget(self.note)
        self.column.addWidget(note)
        own = Section("Own values", collapsed=True)
        self.add_fields([f for f in fields if f.override], own.rows, stacked=True)
        self.column.addWidget(own)
        self.own = own

    def refresh(self, report: Report | None) -> None:
        self.report = report
        design = self.document.design
        self.name.set_value(design.name)
        self.note.show_note(design.note)
        for field in part_fields(Settings):
            self.editors[field.name].set_value(getattr(design.settings, field.name))
        self.own.set_note(_own_note([design.settings], part_fields(Settings)))
        self._evaluated.setVisible(report is not None)
        if report is not None:
            die = report.design.settings.die_width_m * report.design.settings.die_height_m
            priced = ((report.die_cost_USD, "USD"), (report.package_cost_USD, "USD"))
            found = ((report.area_m2, "m²"), (die, "m²"), *priced)
            for (key, row), (value, unit) in zip(self.figures.items(), found, strict=True):
                told = value is not None and key in EXPLAINED  # asking the report for its keys takes a part of a frame
                row.show_figure(format_quantity(value, unit), key if told else "")

    def _asked(self) -> None:
        _forward(self, self.figures.values())

    def changed(self, design: Design, field: PartField, value: Value) -> Design:
        if field is CHIP_NAME:
            return msgspec.structs.replace(design, name=str(value))
        return replace_settings(design, {field.name: value})

    def edit_text(self, field: PartField) -> str:
        return f"Change {field.label}"


CHIP_FIGURES = {
    "area_m2": "Area of the parts",
    "die": "Area of the die",
    "die_cost_USD": "Cost of a die",
    "package_cost_USD": "Cost of a packaged chip",
}


EXPLAINED = frozenset(CHIP_FIGURES) - {"die"}
"""Those that every report explains where it has them; the die is what the user drew."""


def _forward(page: Page, rows: typing.Iterable[FigureRow]) -> None:
    for row in rows:
        if row.figure is page.sender() and row.key:
            page.explain_requested.emit(row.key)


def _own_note(subjects: Sequence[object], fields: Sequence[PartField]) -> str:
    """How many own values are set."""
    count = sum(any(getattr(s, f.name) is not None for s in subjects) for f in fields if f.override)
    return f"{count} set" if count else ""


"""One of hwlib.design.edit's functions that change parameters by name."""


class GroupPage(Page):
    """One or several blocks of one kind, or links: what they share is edited together, in one step."""

    def __init__(self, document: Document, kind: str, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.kind = kind
        self.ids: tuple[str, ...] = ()
        self.fields = link_fields() if kind == LINK else fields_of(kind)
        self.figures: dict[str, FigureRow] = {}
        self._add_title()
        self._name_row: FieldRow | None = None
        self._placement: Section | None = None
        if kind != LINK:
            self._name_row = self.add_editor(TextEdit(NAME, NAME_LIMIT), self.column)
        self.add_fields([f for f in self.fields if not f.override], self.column)
        self._evaluated = Section("As evaluated")
        self.column.addWidget(self._evaluated)
        self.pinned = PinnedSection(document) if kind in HOLDING else None
        if self.pinned is not None:
            self.column.addWidget(self.pinned)
        if kind != LINK:
            self._placement = Section("Placement")
            self.add_fields(PLACEMENT, self._placement.rows)
            self.column.addWidget(self._placement)
        self._own = Section("Own values", collapsed=True)
        self.add_fields([f for f in self.fields if f.override], self._own.rows, stacked=True)
        self.column.addWidget(self._own)
        self._own.setVisible(any(f.override for f in self.fields))
        self._own.opened.connect(self._show_modelled)

    def _add_title(self) -> None:
        self._swatch = QFrame()
        self._swatch.setFixedSize(12, 12)
        self._swatch.setAutoFillBackground(True)
        palette = self._swatch.palette()
        color = theme.KIND_COLORS.get(self.kind, theme.RESOURCE_COLORS["link"])
        palette.setColor(QPalette.ColorRole.Window, QColor(color))
        self._swatch.setPalette(palette)
        self.title = heading("")
        row = QHBoxLayout()
        row.addWidget(self._swatch)
        row.addWidget(self.title, 1)
        self.column.addLayout(row)

    def show_items(self, ids: Sequence[str], report: Report | None) -> None:
        """Make these blocks or links the page's subject."""
        self.ids = tuple(ids)
        one = len(self.ids) == 1
        for part in (self._name_row, self._placement, self.pinned):
            if part is not None:
                part.setVisible(one)
        self.refresh(report)

    def items(self) -> list[Block] | list[Link]:
        """The subject as it stands in the design, in its order."""
        wanted, design = frozenset(self.ids), self.document.design
        if self.kind == LINK:
            return [link for link in design.links if link.id in wanted]
        return [block for block in design.blocks if block.id in wanted]

    def refresh(self, report: Report | None) -> None:
        self.report = report
        items = self.items()
        if not items:
            return
        subjects = [item.part if isinstance(item, Block) else item for item in items]
        for field in self.fields:
            values = [getattr(subject, field.name) for subject in subjects]
            _show_common(self.editors[field.name], values, self._modelled(field, report))
        if len(items) == 1 and isinstance(items[0], Block):
            self.editors[NAME.name].set_value(items[0].name)
            for field in PLACEMENT:
                self.editors[field.name].set_value(getattr(items[0].placement, field.name))
        if self.pinned is not None and len(items) == 1:
            self.pinned.show_block(items[0].id, report)
        self.title.setText(self._title_text(items))
        self._own.set_note(_own_note(subjects, self.fields))
        self._evaluated.setVisible(report is not None)
        if report is not None:
            self.show_figures(report)

    def _title_text(self, items: Sequence[Block] | Sequence[Link]) -> str:
        label = "Link" if self.kind == LINK else KIND_LABELS[self.kind]
        if len(items) > 1:
            return f"{len(items)} × {label}, edited together"
        if isinstance(items[0], Link):
            return f"{self._name(items[0].source)} – {self._name(items[0].target)}"
        return label

    def _name(self, block_id: str) -> str:
        return self.document.design.block(block_id).name

    def _modelled(self, field: PartField, report: Report | None) -> float | None:
        # Figures behind a closed heading aren't asked for: a drag refreshes this page with every frame.
        return modelled(report, self.ids, field) if field.override and self._own.is_open else None

    def _show_modelled(self) -> None:
        self.refresh(self.report)

    def show_figures(self, report: Report) -> None:
        """What the evaluation found about the subject."""
        texts = (link_figures if self.kind == LINK else block_figures)(report, self.ids)
        for label, (text, key) in texts.items():
            if label not in self.figures:
                self._add_figure(label)
            self.figures[label].show_figure(text, key)
        for label, row in self.figures.items():
            row.setVisible(label in texts)

    def _add_figure(self, label: str) -> None:
        row = FigureRow(label)
        row.figure.asked.connect(self._asked)
        self.figures[label] = row
        self._evaluated.rows.addWidget(row)

    def _asked(self) -> None:
        _forward(self, self.figures.values())

    def changed(self, design: Design, field: PartField, value: Value) -> Design:
        if field is NAME:
            return replace_block(design, msgspec.structs.replace(design.block(self.ids[0]), name=str(value)))
        if field in PLACEMENT:
            old = design.block(self.ids[0]).placement
            return move_blocks(design, {self.ids[0]: msgspec.structs.replace(old, **{field.name: value})})
        for item_id in self.ids:
            if self.kind == LINK:
                design = replace_link(design, item_id, {field.name: value})
            else:
                design = change_parameter(design, item_id, field.name, value)
        return design

    def edit_text(self, field: PartField) -> str:
        label = "links" if self.kind == LINK else KIND_LABELS[self.kind]
        subject = f"{len(self.ids)} × {label}"
        if len(self.ids) == 1:
            subject = "a link" if self.kind == LINK else self._name(self.ids[0])
        return f"Change {field.label} of {subject}"

    def scope(self) -> object:
        return self.ids


def _show_common(editor: Editor, values: Sequence[Value], modelled: float | None) -> None:
    """Show the value that all share, or that they differ."""
    if all(v == values[0] for v in values):
        editor.set_value(values[0], modelled)
    else:
        editor.set_mixed()


class SummaryPage(Page):
    """How many of what are selected, where the kinds differ."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.title = heading("")
        self.lines = QLabel()
        self.hint = Tinted("Select blocks of one kind to edit them together.", "muted")
        self.hint.setWordWrap(True)
        for widget in (self.title, self.lines, self.hint):
            self.column.addWidget(widget)

    def refresh(self, report: Report | None) -> None:
        self.report = report
        selection, design = self.document.selection, self.document.design
        counts = Counter(KIND_LABELS[b.kind] for b in design.blocks if b.id in selection)
        links = sum(link.id in selection for link in design.links)
        lines = [f"{n} × {label}" for label, n in counts.items()] + ([f"{links} × Link"] if links else [])
        self.title.setText(f"{counts.total() + links} selected")
        self.lines.setText("\n".join(lines))
