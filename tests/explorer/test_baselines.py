"""The baseline picker: adding devices and saved designs, removing them, and what finds no room."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from explorer.app import default_baselines
from explorer.document import Baseline, Document
from explorer.panels.baselines import BaselinePicker
from explorer.widgets.devices import device_entry
from explorer.words import stems
from hwlib.catalog import devices, find_device, find_model
from hwlib.design import files
from hwlib.design.design import Design
from hwlib.evaluate import evaluate_device
from hwlib.workload.scenario import Scenario

WIDE = 900
DEFAULT_DEVICES = ("H100 80GB SXM5", "A100 80GB SXM4")


@pytest.fixture
def document() -> Document:
    return Document(Design(), Scenario(), find_model("Llama-3.1-8B"), default_baselines())


@pytest.fixture
def picker(qtbot, document):
    panel = BaselinePicker(document)
    qtbot.addWidget(panel)
    panel.resize(WIDE, 32)
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    return panel


def names(document: Document) -> list[str]:
    return [b.name for b in document.baselines]


def test_the_default_baselines_are_in_the_catalog(document) -> None:
    assert tuple(names(document)) == DEFAULT_DEVICES
    assert all(not find_device(name).cannot_run for name in DEFAULT_DEVICES)


def test_a_device_is_searched_and_added_at_the_end(qtbot, document, picker) -> None:
    qtbot.mouseClick(picker.add, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(picker.popup.line, "tpu v5p")
    qtbot.keyClick(picker.popup.line, Qt.Key.Key_Return)
    assert names(document) == [*DEFAULT_DEVICES, "TPU v5p"]
    assert [chip.baseline.name for chip in picker.chips] == names(document)


def test_a_baseline_is_removed_by_its_button(qtbot, document, picker) -> None:
    qtbot.mouseClick(picker.chips[0].button, Qt.MouseButton.LeftButton)
    assert names(document) == [DEFAULT_DEVICES[1]]
    qtbot.mouseClick(picker.chips[0].button, Qt.MouseButton.LeftButton)
    assert names(document) == []


def test_devices_are_grouped_by_class(picker) -> None:
    picker.open_devices()
    assert set(picker.popup.shown()) == {d.name for d in devices()}
    model = picker.popup.list.model()
    heads = [model.index(r, 0).data() for r in range(model.rowCount())]
    assert {d.device_class for d in devices()} <= set(heads)
    picker.popup.hide()


def test_what_cannot_run_an_llm_is_listed_with_its_reason_and_not_added(qtbot, document, picker) -> None:
    barred = [d for d in devices() if d.cannot_run]
    assert barred
    for device in barred:
        assert device_entry(device).reason == device.cannot_run
    picker.open_devices()
    qtbot.keyClicks(picker.popup.line, barred[0].name)
    assert barred[0].name in picker.popup.shown()
    qtbot.keyClick(picker.popup.line, Qt.Key.Key_Return)
    assert barred[0].name not in names(document)
    picker.popup.hide()


def test_a_device_is_not_added_twice(qtbot, document, picker) -> None:
    picker.open_devices()
    qtbot.keyClicks(picker.popup.line, DEFAULT_DEVICES[0])
    assert DEFAULT_DEVICES[0] in picker.popup.shown()
    qtbot.keyClick(picker.popup.line, Qt.Key.Key_Return)
    assert names(document).count(DEFAULT_DEVICES[0]) == 1
    picker.popup.hide()


def test_a_saved_design_becomes_a_baseline(qtbot, document, picker, tmp_path: Path) -> None:
    saved = Design(name="Last week's chip")
    path = tmp_path / "old.chip.json"
    files.save(saved, path)
    picker.ask_path = lambda: str(path)
    picker.open_devices()
    button = next(b for b in picker.popup.children() if getattr(b, "text", lambda: "")() == "Saved design…")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert document.baselines[-1] == Baseline(name="Last week's chip", design=saved)
    assert picker.folder == str(tmp_path)


def test_a_file_that_is_no_design_is_refused_in_words(qtbot, document, picker, tmp_path: Path) -> None:
    path = tmp_path / "broken.chip.json"
    path.write_text("{not json")
    picker.ask_path = lambda: str(path)
    with qtbot.waitSignal(picker.problem) as told:
        picker.open_design()
    assert told.args[0] == "This design could not be opened"
    assert "broken.chip.json" in told.args[1]
    assert names(document) == list(DEFAULT_DEVICES)


def test_giving_up_on_the_file_changes_nothing(document, picker) -> None:
    picker.ask_path = lambda: ""
    picker.open_design()
    assert names(document) == list(DEFAULT_DEVICES)


def test_names_are_shortened_before_a_baseline_goes_into_the_menu(document, picker) -> None:
    assert [c.label.text() for c in picker.chips] == list(DEFAULT_DEVICES)
    picker.resize(250, 32)
    assert not any(c.isHidden() for c in picker.chips)
    assert [c.label.text() for c in picker.chips] == ["H100", "A100"], "what tells them apart stays"
    assert all(c.baseline.name in c.toolTip() for c in picker.chips)


def test_what_finds_no_room_stands_in_a_menu_and_can_be_removed_there(qtbot, document, picker) -> None:
    document.set_baselines(Baseline(name=d.name, device=d.name) for d in devices()[:8])
    picker.resize(360, 32)
    shown = [c for c in picker.chips if not c.isHidden()]
    assert 0 < len(shown) < 8
    assert picker.more.text() == f"{8 - len(shown)} more"
    assert shown[-1].geometry().right() <= picker.more.geometry().left()
    assert picker.add.geometry().right() <= picker.width()
    last = picker.more.menu().actions()[-1]
    assert devices()[7].name in last.text()
    last.trigger()
    assert len(document.baselines) == 7
    picker.resize(3000, 32)
    assert not any(c.isHidden() for c in picker.chips)
    assert picker.more.isHidden()


def test_names_keep_as_many_words_as_tell_them_apart() -> None:
    assert stems(["H100 80GB SXM5", "A100 80GB SXM4"]) == ["H100", "A100"]
    assert stems(["H100 80GB SXM5", "H100 PCIe", "H100"]) == ["H100 80GB", "H100 PCIe", "H100"]
    assert stems(["Edge NPU, LPDDR5", "Edge NPU, LPDDR5"]) == ["Edge NPU, LPDDR5"] * 2
    assert stems(["Edge"]) == ["Edge"]
    assert stems([]) == []


def test_a_device_without_figures_says_nothing_about_its_timing(document, picker) -> None:
    chip = picker.chips[0]
    for name, words in (("Llama-3.1-8B", "· calibrated"), ("DeepSeek-V3", "")):
        chip.show_report(evaluate_device(DEFAULT_DEVICES[0], Scenario(), find_model(name)))
        assert chip.timing.text() == words
