"""Files: whole or not at all, formats by suffix, refusals in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QRectF, QSize, QTimer
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QFileDialog, QGraphicsScene, QGraphicsView, QMessageBox, QWidget

from explorer import export
from explorer.charts.energy import EnergyChart
from explorer.export import CSV, HTML, PNG, SVG, Drawing, ExportError
from tests.explorer.factories import document, results


def square(painter: QPainter) -> None:
    painter.fillRect(QRectF(0, 0, 10, 10), "#d55e00")


DRAWING = Drawing(QSize(40, 20), square, "A square & more")


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    export.write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("name", ["no/such/folder.csv", ".", "x" * 300 + ".csv"])
def test_what_cannot_be_written_is_refused_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError, match=r"can't be written: .+\. Choose another"):
        export.write_whole(tmp_path / name, b"new")
    assert os.listdir(tmp_path) == []


def test_rows_become_csv_with_full_precision() -> None:
    data = export.csv_bytes([("chip", "s"), ("A, B", 0.1 + 0.2), ("µ", None)])
    assert data.decode() == 'chip,s\n"A, B",0.30000000000000004\nµ,\n'


def test_a_drawing_becomes_a_png_twice_as_fine(qapp) -> None:
    image = QImage.fromData(export.png_bytes(DRAWING))
    assert image.size() == QSize(80, 40)
    assert image.pixelColor(10, 10).name() == "#d55e00"
    assert image.pixelColor(60, 30).name() == "#ffffff"


def test_a_very_long_drawing_stays_within_what_programs_read(qapp) -> None:
    tall = Drawing(QSize(4, 40_000), square)
    assert QImage.fromData(export.png_bytes(tall)).height() == export.MOST_PIXELS


def test_a_drawing_becomes_an_svg(qapp) -> None:
    text = export.svg_bytes(DRAWING).decode()
    assert text.startswith("<?xml")
    assert "A square &amp; more" in text or "A square & more" in text
    assert "#d55e00" in text


def test_other_suffixes_are_no_pictures(qapp) -> None:
    with pytest.raises(ExportError, match=r"choose \.png or \.svg"):
        export.picture_bytes(DRAWING, ".bmp")


@pytest.fixture
def chart(qtbot) -> EnergyChart:
    made = EnergyChart(document())
    qtbot.addWidget(made)
    made.resize(480, 260)
    made.show()
    made.show_results(results())
    return made


def test_a_chart_is_saved_as_picture_drawing_and_figures(chart: EnergyChart, tmp_path: Path) -> None:
    for suffix in (".png", ".svg", ".csv"):
        export.save_chart(chart, tmp_path / f"energy{suffix}")
    assert QImage(str(tmp_path / "energy.png")).size() == QSize(960, 520)
    assert "Tensor-core chip" in (tmp_path / "energy.svg").read_text()
    header, *rows = (tmp_path / "energy.csv").read_text().splitlines()
    assert header == ",".join(chart.values().header)
    assert len(rows) == 3


def test_a_view_is_drawn_as_it_shows_its_scene(qtbot) -> None:
    scene = QGraphicsScene()
    scene.addRect(QRectF(0, 0, 10, 10), QColor("#0072b2"), QColor("#0072b2"))
    view = QGraphicsView(scene)
    qtbot.addWidget(view)
    view.resize(60, 60)
    view.fitInView(QRectF(0, 0, 10, 10))
    drawing = export.view_drawing(view)
    image = QImage.fromData(export.png_bytes(drawing, scale=1))
    assert image.size() == view.viewport().size()
    assert image.pixelColor(image.rect().center()).name() == "#0072b2"


@pytest.mark.parametrize(
    ("typed", "chosen", "wanted"),
    [("c.svg", PNG, "c.svg"), ("c", CSV, "c.csv"), ("v1.2", SVG, "v1.2.svg"), ("c.PNG", CSV, "c.PNG")],
)
def test_the_suffix_of_the_chosen_format_is_added(monkeypatch, qtbot, tmp_path, typed, chosen, wanted) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / typed), chosen.filter))
    assert export.ask_path(parent, "Export", tmp_path, (PNG, SVG, CSV)) == tmp_path / wanted


def test_giving_up_writes_nothing(monkeypatch, qtbot, tmp_path) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("", ""))
    assert export.save_asking(parent, "Export", tmp_path, (HTML,), lambda suffix: b"") is None
    assert os.listdir(tmp_path) == []


def test_a_refusal_is_told_in_a_message(qtbot, tmp_path) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    said: list[str] = []

    def dismiss() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        said.append(box.text())
        box.accept()

    QTimer.singleShot(0, dismiss)
    assert not export.save_made(parent, tmp_path / "no" / "a.csv", lambda suffix: b"x")
    assert "can't be written: there is no such folder" in said[0]


def test_names_become_file_names() -> None:
    assert export.file_stem("H100 vs. A100/µ: x?") == "H100-vs.-A100-µ-x"
    assert export.file_stem("///") == "chipscape"
