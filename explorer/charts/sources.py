"""Formula and source of a figure, as lines of a tooltip."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwlib.report import Report

MOST_CHARACTERS = 88


def explained(report: Report, key: str) -> list[str]:
    """Formula and source of a figure as rich text, one line each; none where the report does not explain it."""
    try:
        told = report.explain(key)
    except KeyError:
        return []
    lines = [f"= {_short(told.formula)}"] if told.formula else []
    if told.source:
        lines.append(f"Source: {_short(told.source)}")
    return [f"<i>{html.escape(line)}</i>" for line in lines]


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
