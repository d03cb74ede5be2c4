"""Operator table: cells, alignment, sorting, copying, and a selection that goes both ways."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.charts.column_choice import with_room
from explorer.charts.operator_table import COLUMNS, OperatorTable, shape_text
from explorer.document import Document
from hwlib.catalog import find_model, load_example
from hwlib.evaluate import evaluate
from hwlib.workload.scenario import Scenario
from tests.explorer import factories

KEYS = [column.key for column in COLUMNS]
Role = Qt.ItemDataRole


@pytest.fixture
def document() -> Document:
    return factories.document()


@pytest.fixture
def table(qtbot: QtBot, document: Document) -> OperatorTable:
    chart = OperatorTable(document)
    qtbot.addWidget(chart)
    chart.resize(900, 500)
    chart.show()
    qtbot.waitExposed(chart)
    chart.show_results(factories.results())
    return chart


def cell(table: OperatorTable, row: int, key: str, role: int = Role.DisplayRole) -> object:
    return table.model.index(row, KEYS.index(key)).data(role)


def find(table: OperatorTable, key: str) -> QModelIndex:
    return table.model.index(table.model.row_of(key), 0)


def column(table: OperatorTable, key: str) -> list[str]:
    return [str(cell(table, r, key)) for r in range(table.model.rowCount())]


def test_every_operator_of_both_phases_has_a_row(table: OperatorTable) -> None:
    assert [line.row.key for line in table.model.lines] == [r.key for r in factories.report().operators]
    row = table.model.row_of("decode.ffn_gate_up")
    figures = {key: cell(table, row, key) for key in KEYS}
    assert figures["phase"] == "Decode"
    assert figures["operator"] == "FFN gate up"
    assert figures["runs_on"] == "Tensor cores"
    assert figures["weights_in"] == "HBM3"
    assert figures["shape"] == "1 × 28672 × 4096, 32 times"
    assert figures["weight_bytes"] == "4.228 GB"
    assert figures["kv_bytes"] == "–"
    assert figures["bound"] == "DRAM"
    assert figures["share"] == "47.1 %"
    assert str(figures["time_s"]).endswith("ms")


def test_new_figures_leave_words_that_stay_unpainted(qtbot: QtBot, table: OperatorTable) -> None:
    with qtbot.waitSignal(table.model.dataChanged) as told:
        table.show_results(factories.results(factories.report(dram_Bps=2e12), generation=2))
    first, last = told.args[:2]
    assert KEYS[first.column()] == "time_s"
    assert last.column() == len(KEYS) - 1
    moved = factories.report()
    rows = tuple(msgspec.structs.replace(r, runs_on_label="Elsewhere") for r in moved.operators)
    with qtbot.waitSignal(table.model.dataChanged) as told:
        table.show_results(factories.results(msgspec.structs.replace(moved, operators=rows), generation=3))
    assert told.args[0].column() == 0


def test_shapes_name_batch_and_repeats() -> None:
    rows = {r.key: r for r in factories.report().operators}
    assert shape_text(rows["decode.scores"]) == "1 × 2048 × 128, batch 32, 32 times"
    assert shape_text(rows["prefill.lm_head"]) == "2048 × 128256 × 4096"


def test_element_wise_operators_count_their_elements() -> None:
    """Not "1 × 8.389e6 × 1"."""
    report = evaluate(load_example("tensor-gpu-hbm3"), Scenario(prompt=2048), find_model("Llama-3.1-8B"))
    rows = {r.key: r for r in report.operators}
    assert shape_text(rows["prefill.norm_attention"]) == "8.39 M elements, 32 times"
    assert shape_text(rows["decode.norm_final"]) == "4096 elements"


def test_numbers_are_right_aligned_and_words_left(table: OperatorTable) -> None:
    for index, described in enumerate(COLUMNS):
        for where in (
            table.model.index(0, index).data(Role.TextAlignmentRole),
            table.model.headerData(index, Qt.Orientation.Horizontal, Role.TextAlignmentRole),
        ):
            assert bool(where & Qt.AlignmentFlag.AlignRight) == described.number, described.key


def test_the_bound_is_a_word_beside_its_colour(table: OperatorTable) -> None:
    row = table.model.row_of("decode.lm_head")
    icon = cell(table, row, "bound", Role.DecorationRole)
    assert isinstance(icon, QIcon)
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        image = icon.pixmap(12, 12, mode).toImage()
        assert image.pixelColor(6, 6).name() == theme.RESOURCE_COLORS["dram"]


def test_sorting_is_by_value_and_can_be_undone(table: OperatorTable) -> None:
    order = column(table, "operator")
    table.view.sortByColumn(KEYS.index("time_s"), Qt.SortOrder.DescendingOrder)
    times = [line.row.time_s for line in table.model.lines]
    assert times == sorted(times, reverse=True)
    assert cell(table, 0, "operator") == "FFN gate up"
    table.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    assert column(table, "operator") == order


def test_the_order_and_the_selection_stay_when_figures_change(table: OperatorTable, document: Document) -> None:
    table.view.sortByColumn(KEYS.index("energy_J"), Qt.SortOrder.AscendingOrder)
    document.select_operator("decode.qkv")
    table.show_results(factories.results(factories.report(dram_Bps=1e12), generation=2))
    energies = [line.row.energy_J for line in table.model.lines]
    assert energies == sorted(energies)
    chosen = table.view.selectionModel().selectedRows()
    assert [table.model.lines[i.row()].row.key for i in chosen] == ["decode.qkv"]
    assert document.operator == "decode.qkv"


def test_another_llm_replaces_the_rows(table: OperatorTable) -> None:
    report = evaluate(load_example("sram-cim-hbm"), Scenario(), find_model("Mixtral 8x7B"))
    table.show_results(factories.results(report, (), generation=2))
    assert [line.row.key for line in table.model.lines] == [r.key for r in report.operators]
    assert any("Expert" in name for name in column(table, "operator"))


def test_a_click_selects_the_operator_everywhere(qtbot: QtBot, table: OperatorTable, document: Document) -> None:
    index = find(table, "prefill.qkv")
    table.view.scrollTo(index)
    with qtbot.waitSignal(document.operator_selected) as told:
        qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=table.view.visualRect(index).center())
    assert told.args == ["prefill.qkv"]


def test_an_operator_selected_elsewhere_is_selected_here(table: OperatorTable, document: Document) -> None:
    document.select_operator("decode.lm_head")
    chosen = table.view.selectionModel().selectedRows()
    assert [i.row() for i in chosen] == [table.model.row_of("decode.lm_head")]
    assert table.view.viewport().rect().contains(table.view.visualRect(chosen[0]).center())
    document.select_operator(None)
    assert table.view.selectionModel().selectedRows() == []


def test_copy_puts_the_selected_row_on_the_clipboard(qtbot: QtBot, table: OperatorTable, document: Document) -> None:
    document.select_operator("decode.lm_head")
    qtbot.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    header, row = QGuiApplication.clipboard().text().splitlines()
    assert header.split("\t") == [c.title for i, c in enumerate(COLUMNS) if not table.view.isColumnHidden(i)]
    assert row.split("\t")[:3] == ["Decode", "LM head", "Tensor cores"]


def test_copy_takes_all_rows_where_none_is_selected(table: OperatorTable) -> None:
    table.view.clearSelection()
    table.view.copy()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 1 + len(factories.report().operators)


def test_values_are_plain_si(table: OperatorTable) -> None:
    header, rows = table.values()
    row = rows[table.model.row_of("decode.qkv")]
    expected = next(r for r in factories.report().operators if r.key == "decode.qkv")
    assert dict(zip(header, row, strict=True))["time_s"] == expected.time_s
    assert dict(zip(header, row, strict=True))["dram_bytes"] == expected.dram_bytes


def test_the_menu_offers_copy_and_the_order_of_execution(qtbot: QtBot, table: OperatorTable) -> None:
    table.view.sortByColumn(KEYS.index("time_s"), Qt.SortOrder.DescendingOrder)
    view, column = table.view.viewport(), KEYS.index("time_s")
    at = table.view.visualRect(table.model.index(0, column)).center()
    QApplication.sendEvent(view, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, view.mapToGlobal(at)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert {"Copy data", "Copy operator", "Export…"} <= {a.text() for a in menu.actions()}
    actions = {a.text(): a for a in menu.actions()}
    actions["Order of execution"].trigger()
    assert [line.order for line in table.model.lines] == sorted(line.order for line in table.model.lines)
    menu.close()


def test_a_cell_tells_where_its_time_or_energy_is_from(qtbot: QtBot) -> None:
    report = evaluate(load_example("gpu-hbm3"), Scenario(), find_model("Llama-3.1-8B"))
    table = OperatorTable(factories.document())
    qtbot.addWidget(table)
    table.resize(1400, 400)
    table.show()
    qtbot.waitExposed(table)
    table.show_results(factories.results(report, ()))
    key = table.model.lines[2].row.key
    for column, expected in (("time_s", f"time.{key}"), ("energy_J", f"energy.{key}")):
        table.view.scrollTo(table.model.index(2, KEYS.index(column)))
        cell = table.view.visualRect(table.model.index(2, KEYS.index(column)))
        assert table.source_at(table.view.viewport().mapTo(table, cell.center())) == (report, expected)
        assert report.explain(expected).value > 0.0
    assert table.source_at(QPoint(2, 2)) is None


def on_show(table: OperatorTable) -> list[str]:
    return [c.key for i, c in enumerate(COLUMNS) if not table.view.isColumnHidden(i)]


@pytest.mark.parametrize("width", [320, 480, 610, 800, 1200, 2400])
def test_nothing_is_scrolled_sideways_at_any_width(qtbot: QtBot, table: OperatorTable, width: int) -> None:
    report = evaluate(load_example("systolic-tpu-hbm2"), Scenario(), find_model("Llama-3.1-8B"))
    table.show_results(factories.results(report, (), generation=2))
    table.resize(width, 300)
    qtbot.waitUntil(lambda: table.view.width() > width - 40)
    assert table.view.horizontalScrollBar().maximum() == 0
    shown = on_show(table)
    assert shown[:2] == ["phase", "operator"]
    assert "time_s" in shown
    assert len(shown) == len(COLUMNS) if width == 2400 else len(shown) < len(COLUMNS)


def test_columns_are_chosen_from_a_menu(qtbot: QtBot, table: OperatorTable) -> None:
    assert "kv_bytes" not in on_show(table)
    menu = table.columns.menu
    menu.popup(table.mapToGlobal(QPoint(0, 0)))
    entries = {a.text(): a for a in menu.actions()}
    assert not entries["Operator"].isEnabled()
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entries["KV cache"]).center())
    assert "kv_bytes" in on_show(table)
    entries["Time"].trigger()
    assert "time_s" not in on_show(table)
    table.resize(2400, 300)
    assert "time_s" not in on_show(table)
    entries["As many as have room"].trigger()
    assert on_show(table) == KEYS
    menu.close()


def test_the_columns_with_room_are_the_most_telling_ones() -> None:
    order, widths = ("name", "time", "wide", "narrow"), {"name": 90, "time": 50, "wide": 200, "narrow": 10}
    assert with_room(order, widths, 400, {}) == {"name", "time", "wide", "narrow"}
    assert with_room(order, widths, 200, {}) == {"name", "time"}
    assert with_room(order, widths, 200, {"narrow": True, "time": False}) == {"name", "narrow"}
    assert with_room(order, widths, 10, {}) == {"name"}
