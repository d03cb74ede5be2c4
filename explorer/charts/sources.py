"""Where a figure on a chart is from: whose it is and its key, and formula and source as lines of a tooltip."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hwlib.report import Report

MOST_CHARACTERS = 88


class Source(NamedTuple):
    """A figure on a chart: the report that it is of, and its key there."""

    report: Report
    key: str

    @property
    def known(self) -> bool:
        """True where the report can say where the figure is from."""
        return self.report.explainer is not None and self.key in self.report.figures()


def explained(source: Source | None) -> list[str]:
    """Formula and source of a figure as rich text, one line each; none where the report does not explain it."""
    if source is None or not source.known:
        return []
    told = source.report.explain(source.key)
    lines = [f"= {_short(told.formula)}"] if told.formula else []
    if told.source:
        lines.append(f"Source: {_short(told.source)}")
    return [f"<i>{html.escape(line)}</i>" for line in lines]


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
