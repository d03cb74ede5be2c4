"""The comparison as a file: web page, table, picture or drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.compare.sheet import comparison_drawing
from explorer.export import CSV, HTML, PNG, SVG, ExportError, file_stem, picture_bytes

if TYPE_CHECKING:
    from explorer.compare.board import ChartBoard
    from explorer.compare.worker import Compared


def suggested_name(compared: Compared) -> str:
    """A file's name without its suffix."""
    names = compared.comparison.names
    return file_stem(" vs ".join(names) if len(names) <= 2 else f"comparison of {len(names)}")


def comparison_bytes(compared: Compared, suffix: str, board: ChartBoard) -> bytes:
    """The comparison in the format that a suffix stands for. Raises ExportError for one that stands for none."""
    if suffix == HTML.suffix:
        from hwlib.analysis.compare_html import comparison_html

        return comparison_html(compared.comparison).encode()
    if suffix == CSV.suffix:
        from hwlib.analysis.compare_tables import comparison_csv

        return comparison_csv(compared.comparison).encode()
    if suffix in (PNG.suffix, SVG.suffix):
        return picture_bytes(comparison_drawing(compared, board), suffix)
    raise ExportError(f"{suffix or 'A file without a suffix'}: choose .html, .csv, .png or .svg.")
