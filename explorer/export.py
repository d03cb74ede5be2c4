"""Pictures, drawings and tables as files: the formats, writing a file whole or not at all, and asking where to."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QPointF, QRect, QRectF, QSize
from PySide6.QtGui import QColor, QImage, QImageWriter, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from explorer import atomic, theme

if TYPE_CHECKING:
    from PySide6.QtWidgets import QGraphicsView

    from explorer.charts.chart import Chart, Table

PICTURE_SCALE = 2.0
"""Pixels of a PNG for each pixel on screen."""
MOST_PIXELS = 16_000
"""Longest side of a PNG: longer ones take less fine pixels, as many programs refuse them."""


class ExportError(OSError):
    """A file that could not be written; the message is for people."""


@dataclass(frozen=True)
class Format:
    """A kind of file: its suffix with the dot, and what people call it."""

    suffix: str
    words: str

    @property
    def filter(self) -> str:
        """As file dialogs want it."""
        return f"{self.words} (*{self.suffix})"


CSV = Format(".csv", "Table")
HTML = Format(".html", "Web page")
PNG = Format(".png", "Picture")
SVG = Format(".svg", "Drawing")
JSON = Format(".json", "All figures")
CALIBRATION = Format(".json", "Calibration")
REPORT_FORMATS = (HTML, CSV, JSON)
CHART_FORMATS = (PNG, SVG, CSV)
PICTURE_FORMATS = (PNG, SVG)


@dataclass(frozen=True)
class Drawing:
    """Something that paints itself into a rectangle of `size` pixels at the painter's origin."""

    size: QSize
    paint: Callable[[QPainter], None]
    title: str = ""


# Files ------------------------------------------------------------------------------------------------------------


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: what was there stays where the disk refuses. Raises ExportError."""
    target = Path(os.path.realpath(path))  # through a link, so that the link stays one
    try:
        if target.is_dir():
            raise IsADirectoryError("it is a folder")
        if not target.parent.is_dir():
            raise FileNotFoundError("there is no such folder")
        atomic.write(target, data)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ExportError(f"{path} can't be written: {reason}. Choose another name or folder.") from None


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as CSV in UTF-8; None is an empty cell. Floats keep their full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return text.getvalue().encode()


def table_csv(table: Table) -> bytes:
    """The figures behind a chart as CSV."""
    return csv_bytes([table.header, *table.rows])


# Pictures -----------------------------------------------------------------------------------------------------------


def png_bytes(drawing: Drawing, scale: float = PICTURE_SCALE) -> bytes:
    """A drawing as PNG, `scale` times as fine as on screen. Raises ExportError where it is too large to hold."""
    longest = max(drawing.size.width(), drawing.size.height(), 1)
    scale = min(scale, MOST_PIXELS / longest)
    image = QImage(drawing.size * scale, QImage.Format.Format_ARGB32_Premultiplied)
    if image.isNull():
        raise ExportError("The picture is too large to be made.")
    image.setDevicePixelRatio(scale)
    image.fill(QColor(theme.current().base))
    _painted(image, drawing)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QImageWriter(buffer, QByteArray(b"png"))
    if not writer.write(image):
        raise ExportError(f"The picture could not be made: {writer.errorString()}.")
    return bytes(buffer.data().data())


def svg_bytes(drawing: Drawing) -> bytes:
    """A drawing as SVG, its texts as texts."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(drawing.size)
    generator.setViewBox(QRect(QPoint(), drawing.size))
    generator.setTitle(drawing.title)
    generator.setDescription("Made with Chipscape")
    _painted(generator, drawing)
    buffer.close()
    return bytes(data.data())


def _painted(device: QImage | QSvgGenerator, drawing: Drawing) -> None:
    painter = QPainter(device)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
    drawing.paint(painter)
    painter.end()


def picture_bytes(drawing: Drawing, suffix: str) -> bytes:
    """A drawing as ".png" or ".svg". Raises ExportError for another suffix."""
    if suffix == SVG.suffix:
        return svg_bytes(drawing)
    if suffix == PNG.suffix:
        return png_bytes(drawing)
    raise ExportError(f"{suffix or 'A file without a suffix'} is no picture: choose .png or .svg.")


def view_drawing(view: QGraphicsView, title: str = "") -> Drawing:
    """What a view of a scene shows, such as the chip on the canvas, without rulers and buttons."""
    seen = view.viewport().rect()

    def paint(painter: QPainter) -> None:
        view.render(painter, QRectF(QPointF(), seen.size()), seen)

    return Drawing(seen.size(), paint, title)


def chart_bytes(chart: Chart, suffix: str) -> bytes:
    """A chart as ".png" or ".svg", or the figures behind it as ".csv". Raises ExportError for another suffix."""
    if suffix == CSV.suffix:
        return table_csv(chart.values())
    return picture_bytes(Drawing(chart.size(), chart.draw_on, chart.heading.text), suffix)


def save_chart(chart: Chart, path: Path) -> None:
    """Write a chart to a file by its suffix. Raises ExportError."""
    write_whole(path, chart_bytes(chart, path.suffix.lower()))


# Asking -------------------------------------------------------------------------------------------------------------


def file_stem(name: str) -> str:
    """A name as files may have it: "H100 vs. A100" becomes "H100-vs.-A100"."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:80] or "chipscape"


def ask_path(parent: QWidget, title: str, suggestion: Path, formats: Sequence[Format]) -> Path | None:
    """Ask where to save; the suffix of the chosen format is added where none of them was typed."""
    filters = ";;".join(f.filter for f in formats)
    name, chosen = QFileDialog.getSaveFileName(parent, title, str(suggestion), filters)
    if not name:
        return None
    path = Path(name)
    if path.suffix.lower() in {f.suffix for f in formats}:
        return path
    wanted = next((f for f in formats if f.filter == chosen), formats[0])
    return path.with_name(path.name + wanted.suffix)


def save_asking(
    parent: QWidget, title: str, suggestion: Path, formats: Sequence[Format], make: Callable[[str], bytes]
) -> Path | None:
    """Ask for a file and write what `make` gives for its suffix; a refusal is told in words.

    Returns the file, None where nothing was written.
    """
    path = ask_path(parent, title, suggestion, formats)
    return path if path is not None and save_made(parent, path, make) else None


def save_made(parent: QWidget, path: Path, make: Callable[[str], bytes]) -> bool:
    """Write what `make` gives for the path's suffix; False, and a message, where that fails."""
    try:
        write_whole(path, make(path.suffix.lower()))
    except OSError as error:
        QMessageBox.warning(parent, "The file could not be saved", str(error))
        return False
    return True
