"""Adds the commands that need Qt, gui and screenshot, to those of hwlib.cli; loads Qt only when one of them runs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from explorer import preflight
from hwlib import cli, cli_inputs
from hwlib.cli import (
    ActivationBits,
    Batch,
    KvBits,
    Model,
    Output,
    Pipeline,
    Prompt,
    Tensor,
    WeightBits,
    app,
    scenario_options,
)
from hwlib.cli_inputs import DEFAULT_MODEL, InputError

if TYPE_CHECKING:
    from hwlib.design.design import Design

DEFAULT_EXAMPLE = "tensor-gpu-hbm3"
SIZES_PX = (320, 16_384)
PICTURES = (".png", ".jpg", ".jpeg")


class ThemeName(StrEnum):
    """The themes, as the command line takes them."""

    light = "light"
    dark = "dark"
    system = "system"


Theme = Annotated[ThemeName | None, typer.Option("--theme", help="Colours; without it, those last chosen.")]
Size = Annotated[str, typer.Option("--size", metavar="WxH", help="Width and height in pixels.")]
Chart = Annotated[str | None, typer.Option("--chart", metavar="NAME", help="Only this chart, in that size.")]
Picture = Annotated[str, typer.Option("--out", metavar="FILE", help="The picture, .png or .jpg.")]
_DESIGN = "A design file (.chip.json) or an example's name."
DesignName = Annotated[str, typer.Argument(metavar="DESIGN", help=_DESIGN)]
DesignNames = Annotated[list[str] | None, typer.Argument(metavar="[DESIGN]...", help=f"{_DESIGN} Each gets a tab.")]


@app.command(short_help="Open the window.")
def gui(
    context: typer.Context, design: DesignNames = None, theme: Theme = None,
    model: Model = DEFAULT_MODEL, prompt: Prompt = None, output: Output = None, batch: Batch = None,
    weight_bits: WeightBits = None, activation_bits: ActivationBits = None, kv_bits: KvBits = None,
    tensor_parallel: Tensor = None, pipeline_parallel: Pipeline = None,
) -> None:  # fmt: skip
    """Open the window on design files or examples, each in a tab; those that can't be read are told of there."""
    found, problems = _designs(design or [DEFAULT_EXAMPLE])
    scenario, llm = cli_inputs.scenario(scenario_options(context)), cli_inputs.model(model)
    require_qt(window=True)
    from explorer.app import default_baselines, run

    chosen = theme.value if theme else None
    sources = {name: context.get_parameter_source(name) for name in context.params}
    asked = frozenset(name for name, source in sources.items() if source is not None and source.name != "DEFAULT")
    raise typer.Exit(run(found, scenario, llm, default_baselines(), chosen, asked, problems))


@app.command(short_help="Save a picture of the window, or of one chart.")
def screenshot(
    context: typer.Context, design: DesignName, out: Picture, size: Size = "1600x1000",
    theme: Theme = ThemeName.light, chart: Chart = None,
    model: Model = DEFAULT_MODEL, prompt: Prompt = None, output: Output = None, batch: Batch = None,
    weight_bits: WeightBits = None, activation_bits: ActivationBits = None, kv_bits: KvBits = None,
    tensor_parallel: Tensor = None, pipeline_parallel: Pipeline = None,
) -> None:  # fmt: skip
    """Save a picture of the window with an evaluated design in it, or of one chart; needs no display."""
    value, path = _design(design)
    scenario, llm = cli_inputs.scenario(scenario_options(context)), cli_inputs.model(model)
    picture, (width, height) = _picture_path(out), _size(size)
    require_qt(window=False)
    from PySide6.QtCore import QSize

    from explorer import screenshot as pictures
    from explorer.app import build_window, default_baselines, log_qt_messages
    from explorer.errors import watching

    wanted = QSize(width, height)
    name = theme.value if theme else "light"
    log_qt_messages()
    with watching() as reporter:
        window = build_window(value, scenario, llm, default_baselines(), name, path=path, size=wanted)
        try:
            pictures.save(window, picture, wanted, chart)
        except pictures.ScreenshotError as error:
            raise InputError(f"No picture: {error}.") from None
        finally:
            window.close()
    if reporter.count:
        raise RuntimeError(f"{reporter.count} errors while drawing; the picture may be wrong")


def _designs(texts: list[str]) -> tuple[list[tuple[Design, Path | None]], list[str]]:
    """The designs that can be read, and why others can't. Raises InputError where none can."""
    found, problems = [], []
    for text in texts:
        try:
            found.append(_design(text))
        except InputError as error:
            problems.append(str(error))
    if not found:
        raise InputError("\n".join(problems))
    return found, problems


def _design(text: str) -> tuple[Design, Path | None]:
    """The design that `text` means, and its file where it is one. Raises InputError."""
    is_file = text.lower().endswith(".json") or os.path.exists(text)
    return cli_inputs.design(text), Path(text) if is_file else None


def _size(text: str) -> tuple[int, int]:
    """Width and height of "1600x1000". Raises InputError."""
    low, high = SIZES_PX
    found = re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", text.strip().lower())
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(low <= side <= high for side in sides):
        raise InputError(f"--size is {text!r}; give width x height in pixels, such as 1600x1000, {low} to {high} each.")
    return sides


def _picture_path(text: str) -> Path:
    """The file of --out. Raises InputError before anything is computed in vain."""
    path = Path(text)
    if path.suffix.lower() not in PICTURES:
        raise InputError(f"--out {text}: the name must end in .png or .jpg.")
    # os.path, not pathlib, which raises on names that no disk takes.
    if os.path.isdir(path) or not os.path.isdir(path.parent):
        raise InputError(f"--out {text}: there is no folder {path.parent} for it, or it is a folder itself.")
    if not os.access(path if os.path.exists(path) else path.parent, os.W_OK):
        raise InputError(f"--out {text}: the file can't be written here.")
    return path


def require_qt(window: bool) -> None:
    """Say what is missing for Qt, which would end the process without a word.

    Without a `window` to show, Qt draws offscreen where there is no display. Raises InputError.
    """
    drawn = preflight.draws_on_display()
    state = preflight.display_state() if drawn else "ok"
    if state != "ok" and window:
        why = "there is no display here" if state == "none" else "the display named here does not answer"
        raise InputError(
            f"{why}, so no window can open. Without one there are screenshot, evaluate, compare (chipscape --help)."
        )
    if state != "ok":
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    missing = preflight.missing_libraries(xcb=drawn and state == "ok" and preflight.needs_xcb())
    if missing:
        line = preflight.install_line(missing, preflight.os_release())
        raise InputError(f"Qt lacks {', '.join(missing)} of the system. To install: {line}")


def run(argv: Sequence[str]) -> int:
    """Run one command, those of hwlib.cli included. The exit code."""
    return cli.run(argv)
