"""Cited measured kernels of the compared devices on a roofline: where silicon was seen to be."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor

from explorer import theme
from explorer.charts.items import LabelsItem
from explorer.charts.pens import line_pen
from explorer.charts.points import Points
from explorer.words import percent
from hwlib.analysis.timing_words import framework_word, kernel_words
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from hwlib.analysis.measured_roofline import MeasuredKernel

SIZE_PX = 8
NEAR_PX = 7.0
WORDS = "measured kernels"


class MeasuredKernels(Points):
    """Small upright crosses. The same devices again cost nothing."""

    def __init__(self) -> None:
        super().__init__(pxMode=True, symbol="+", size=SIZE_PX)
        self.setZValue(8)
        self.kernels: tuple[MeasuredKernel, ...] = ()
        self._devices: tuple[str, ...] = ()
        self._ink = ""

    def show_devices(self, devices: Sequence[str]) -> None:
        """Show what was measured on catalog devices."""
        ink = theme.current().text
        if (tuple(devices), ink) == (self._devices, self._ink):
            return
        # Imported once there are results, so that the window is up before scipy is loaded.
        from hwlib.analysis.measured_roofline import roofline_points

        self._devices, self._ink = tuple(devices), ink
        self.kernels = tuple(kernel for device in dict.fromkeys(devices) for kernel in roofline_points(device))
        self.setData(
            x=np.log10([k.intensity for k in self.kernels]) if self.kernels else [],
            y=np.log10([k.flops for k in self.kernels]) if self.kernels else [],
        )
        self.setPen(line_pen(ink, 1.0))
        self.setBrush(QColor(ink))

    def kernel_at(self, pos: QPointF, plane: LabelsItem) -> MeasuredKernel | None:
        """The kernel under a point of the view box, the nearest of several."""
        best, nearest = None, NEAR_PX
        for kernel in self.kernels:
            away = plane.to_pixels(math.log10(kernel.intensity), math.log10(kernel.flops)) - pos
            distance = math.hypot(away.x(), away.y())
            if distance < nearest:
                best, nearest = kernel, distance
        return best


def words_of(kernel: MeasuredKernel) -> str:
    """A measured kernel for a tooltip, with what is predicted for it and the plain roofline's error."""
    p = kernel.point
    shape = ", ".join(f"{name} {value:g}" for name, value in p.columns.items())
    error, plain = p.predicted_s / p.seconds - 1.0, p.roofline_s / p.seconds - 1.0
    return "<br>".join((
        f"<b>Measured: {html.escape(kernel_words(p.kind, p.form))}</b>",
        html.escape(shape),
        f"{format_quantity(p.seconds, 's')} by {html.escape(framework_word(p.framework))} on {html.escape(p.device)}: "
        f"{format_quantity(kernel.flops, 'FLOP/s')}",
        f"predicted {format_quantity(p.predicted_s, 's')}, {_off(error)}; a plain roofline {_off(plain)}",
        f"<i>Source: {html.escape(p.source)}</i>",
    ))  # fmt: skip


def _off(error: float) -> str:
    return f"{percent(abs(error))} too {'slow' if error > 0.0 else 'fast'}" if error else "exact"
