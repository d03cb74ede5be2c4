"""The scenario bar: choosing an LLM by search, typing tokens, choosing bits and chips."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QMainWindow

from explorer import theme
from explorer.document import Document
from explorer.panels.scenario import ScenarioBar, context_warning, count_text, model_entry
from explorer.widgets.search import Entry, matches
from hwlib.catalog import find_model
from hwlib.design.design import Design
from hwlib.workload.scenario import Scenario


@pytest.fixture
def document() -> Document:
    return Document(Design(), Scenario(), find_model("Llama-3.1-8B"))


@pytest.fixture
def bar(qtbot, document):
    panel = ScenarioBar(document)
    qtbot.addWidget(panel)
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    return panel


def type_into(qtbot, bar: ScenarioBar, name: str, text: str) -> None:
    line = bar.editors[name].line
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    line.selectAll()
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, Qt.Key.Key_Return)


def test_tokens_and_chips_are_typed(qtbot, document, bar) -> None:
    for name, text in (("prompt", "4096"), ("output", "512"), ("batch", "32"), ("tensor_parallel", "8")):
        type_into(qtbot, bar, name, text)
    type_into(qtbot, bar, "pipeline_parallel", "2")
    s = document.scenario
    assert (s.prompt, s.output, s.batch, s.tensor_parallel, s.pipeline_parallel) == (4096, 512, 32, 8, 2)
    assert bar.chips.text() == "16"
    assert document.undo_stack.count() == 0


@pytest.mark.parametrize("name", ["weight_bits", "activation_bits", "kv_bits"])
def test_bits_are_chosen(qtbot, document, bar, name: str) -> None:
    combo = bar.editors[name].combo
    assert [combo.itemText(i) for i in range(combo.count())] == ["4 bit", "8 bit", "16 bit"]
    qtbot.keyClick(combo, Qt.Key.Key_Home)
    assert getattr(document.scenario, name) == 4


def test_bits_beyond_the_usual_are_shown(document, bar) -> None:
    document.set_scenario(Scenario(weight_bits=2))
    assert bar.editors["weight_bits"].combo.currentText() == "2 bit"


def test_what_is_out_of_range_is_said_below_and_not_taken(qtbot, document, bar) -> None:
    height = bar.sizeHint().height()
    type_into(qtbot, bar, "batch", "0")
    assert document.scenario.batch == 1
    assert bar.remark.isVisible()
    assert bar.remark.text().startswith("Batch: Out of range: 1 to 1")
    assert bar.sizeHint().height() == height, "nothing moves for it"
    type_into(qtbot, bar, "batch", "4")
    assert document.scenario.batch == 4
    assert not bar.remark.isVisible()


def test_what_is_wrong_is_said_in_the_colour_of_the_theme_that_is_on(qtbot, document) -> None:
    window = QMainWindow()
    bar = ScenarioBar(document)
    window.addToolBar("Scenario").addWidget(bar)
    qtbot.addWidget(window)
    app = QApplication.instance()
    try:
        theme.apply(app, "light")
        window.show()
        theme.apply(app, "dark")
        type_into(qtbot, bar, "batch", "0")
        assert bar.remark.palette().color(QPalette.ColorRole.WindowText) == QColor(theme.current().error)
    finally:
        theme.apply(app, "light")


def test_a_context_beyond_the_models_is_warned_of(qtbot, document, bar) -> None:
    told: list[str] = []
    bar.warned.connect(told.append)
    height = bar.sizeHint().height()
    type_into(qtbot, bar, "prompt", "131072")
    assert "131\u202f328 tokens" in bar.warning
    assert "at most 131\u202f072" in bar.warning
    prompt = bar.editors["prompt"].parentWidget()
    assert prompt.caption.palette().color(QPalette.ColorRole.WindowText).name() == theme.current().warning.lower()
    assert bar.warning in prompt.toolTip()
    assert bar.sizeHint().height() == height, "nothing moves for it"
    assert not bar.remark.isVisible()
    type_into(qtbot, bar, "prompt", "130816")
    assert told[0] != ""
    assert told[1:] == [""]
    assert prompt.caption.palette().color(QPalette.ColorRole.WindowText).name() == theme.current().muted.lower()
    assert context_warning(document.scenario, document.llm) == ""


def test_every_field_has_a_tooltip_from_its_declaration(bar) -> None:
    for name, editor in bar.editors.items():
        tip = editor.parentWidget().toolTip()
        assert editor.field.help.split()[0] in tip, name


def test_an_llm_is_found_by_typing_any_part_of_its_name(qtbot, document, bar) -> None:
    qtbot.mouseClick(bar.model, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(bar.popup.line, "gpt3 175b")
    qtbot.keyClick(bar.popup.line, Qt.Key.Key_Return)
    assert document.llm.name == find_model("GPT-3 175B").name
    assert bar.model.text() == document.llm.name
    assert not bar.popup.isVisible()


def test_typing_on_the_button_starts_the_search(qtbot, document, bar) -> None:
    bar.model.setFocus()
    qtbot.keyClicks(bar.model, "m")
    qtbot.keyClicks(bar.popup.line, "ixtral8x7")
    assert bar.popup.shown() == (find_model("Mixtral 8x7B").name,)
    qtbot.keyClick(bar.popup.line, Qt.Key.Key_Enter)
    assert document.llm == find_model("Mixtral 8x7B")


def test_arrow_keys_move_through_the_matches(qtbot, document, bar) -> None:
    bar.open_models("llama-2")
    keys = bar.popup.shown()
    qtbot.keyClick(bar.popup.line, Qt.Key.Key_Down)
    qtbot.keyClick(bar.popup.line, Qt.Key.Key_Return)
    assert document.llm.name == keys[1]


def test_a_model_that_cannot_generate_is_listed_and_not_chosen(qtbot, document, bar) -> None:
    before = document.llm
    bar.open_models("bert")
    assert bar.popup.shown() == ("BERT-large",)
    assert "encoder" in model_entry(find_model("BERT-large")).reason
    qtbot.keyClick(bar.popup.line, Qt.Key.Key_Return)
    row = bar.popup.list.model().index(0, 0)
    qtbot.mouseClick(bar.popup.list.viewport(), Qt.MouseButton.LeftButton, pos=bar.popup.list.visualRect(row).center())
    assert document.llm == before
    qtbot.keyClick(bar.popup.line, Qt.Key.Key_Escape)
    assert not bar.popup.isVisible()


def test_a_click_chooses(qtbot, document, bar) -> None:
    bar.open_models("deepseek-v3")
    row = bar.popup.list.model().index(0, 0)
    pos = bar.popup.list.visualRect(row).center()
    qtbot.mouseClick(bar.popup.list.viewport(), Qt.MouseButton.LeftButton, pos=pos)
    assert document.llm.name.startswith("DeepSeek-V3")


def test_nothing_found_is_said(bar) -> None:
    bar.open_models("no such model")
    assert bar.popup.shown() == ()
    assert bar.popup.list.model().index(0, 0).data() == "Nothing matches"
    bar.popup.hide()


def test_the_list_tells_parameters_and_context() -> None:
    assert model_entry(find_model("Llama-3.1-8B")).detail == "8.03 B parameters · context 131\u202f072"
    assert [count_text(n) for n in (124e6, 175e9, 1.8e12)] == ["124 M", "175 B", "1.8 T"]


@pytest.mark.parametrize(
    ("query", "fits"), [("llama 8b", True), ("LLAMA3.1", True), ("8b llama", True), ("meta", True), ("mistral", False)]
)
def test_search_folds_case_and_punctuation(query: str, fits: bool) -> None:
    assert matches(Entry(key="x", name="Llama-3.1-8B", also=("Meta-Llama-3.1-8B",)), query) is fits
