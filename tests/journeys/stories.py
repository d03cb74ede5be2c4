"""The stories that run in a real window: `python -m tests.journeys.stories STORY FOLDER`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from explorer.app import application, build_window, default_baselines
from explorer.errors import watching
from hwlib.baselines.calibration import operator_seconds
from hwlib.catalog import find_model, load_example
from hwlib.design.design import Design
from hwlib.units import format_quantity
from hwlib.workload.scenario import Scenario
from tests.journeys.user import User


def new_user(design: Design | None = None) -> User:
    """A user in front of an empty die, or of a design."""
    window = build_window(design or Design(), Scenario(), find_model("Llama-3.2-1B"), default_baselines(), "light")
    return User(window)


def small_chip(user: User) -> None:
    """Draw the least that runs an LLM, by hand."""
    user.drop("Systolic array", at_mm=(6, 6))
    user.drop("Vector unit", at_mm=(14, 6))
    user.click_part("SRAM", at_mm=(6, 14))
    user.click_part("HBM3", at_mm=(19, 10))
    names = user.blocks()
    assert len(names) == 4, names
    array, vector, sram, dram = names
    for source, target in ((dram, sram), (sram, array), (sram, vector), (dram, vector)):
        user.connect(source, target)
    assert len(user.window.document.design.links) == 4


def draw_a_chip(folder: Path) -> None:
    """Draw, connect, change a value, see the figures move, undo, save, open again: the same figures."""
    user = new_user()
    assert user.figures("energy") == [] or user.window.charts["energy"].message
    small_chip(user)
    drawn = user.figures("operator_time")
    assert drawn, user.window.charts["operator_time"].message
    user.select(user.blocks()[2])
    user.set("Capacity", "64 MiB")
    changed = user.figures("energy")
    user.undo()
    undone = user.figures("energy")
    assert changed != undone
    assert user.title().startswith("Untitled*")
    path = folder / "mine.chip.json"
    user.save_as(path)
    assert path.is_file()
    assert user.title().startswith("Untitled —")
    before = [user.figures(name) for name in user.window.charts]
    user.choose("File", "New")
    assert user.blocks() == []
    user.open(path)
    assert [user.figures(name) for name in user.window.charts] == before
    user.window.close()


def starve_it_of_memory(folder: Path) -> None:
    """More sequences at once: the step takes longer; fewer bits: it takes less."""
    user = new_user()
    small_chip(user)
    alone = sum(float(row[2]) for row in user.figures("operator_time") if row[0] == "decode")
    user.set_scenario("batch", "8")
    together = sum(float(row[2]) for row in user.figures("operator_time") if row[0] == "decode")
    assert together > alone
    user.window.close()


def take_everything_back(folder: Path) -> None:
    """Every step can be undone, down to the empty die, and done again."""
    user = new_user()
    small_chip(user)
    user.move(user.blocks()[0], by_mm=(2, 1))
    final = user.window.document.design
    while user.window.commands["undo"].isEnabled():
        user.undo()
    assert user.blocks() == []
    assert user.window.document.design == Design()
    while user.window.commands["redo"].isEnabled():
        user.redo()
    assert user.window.document.design == final
    user.window.close()


def feel_the_memory_wall(folder: Path) -> None:
    """Drag the chip along its walls: batch and bandwidth follow the hand, and one step back undoes a drag."""
    user = new_user(load_example("tensor-gpu-hbm3"))
    document = user.window.document
    user.show_wall(by="batch")
    alone = user.tokens_per_s()
    user.drag_wall(to=64)
    dragged = document.scenario.batch
    assert 55 <= dragged <= 75, "a pixel is a few percent of the axis"
    assert user.tokens_per_s() > 10 * alone
    user.step_wall(keys=2)
    assert document.scenario.batch > 1.1 * dragged
    user.show_wall(by="DRAM bandwidth")
    before, slow = document.design, user.tokens_per_s()
    user.drag_wall(to=10e12)
    assert user.tokens_per_s() > slow
    user.undo()
    assert document.design == before
    assert {row[3] for row in user.figures("memory_wall")} >= {"dram"}
    user.window.close()


def compare_two_memories(folder: Path) -> None:
    """Open an example, swap HBM2 for HBM3, save as, compare both with an H100; files hold the same figures."""
    user = new_user(load_example("systolic-tpu-hbm2"))
    user.window.document.set_model(find_model("Llama-3.1-8B"))
    user.rest()
    own = user.window.document.design.name
    before = user.figures("operator_time")
    user.select("HBM2")
    user.pick("Technology", "HBM3")
    assert decode_s(user.figures("operator_time")) < decode_s(before)
    user.save_as(folder / "faster.chip.json")
    user.compare()
    user.compare_with("systolic array")
    shown = user.compared("Time per output token (TPOT)")
    assert {own, f"{own}, example", "H100 80GB SXM5"} <= set(shown), shown
    user.export_comparison("CSV", folder / "both.csv")
    user.export_comparison("HTML", folder / "both.html")
    rows = list(csv.DictReader((folder / "both.csv").read_text(encoding="utf-8").splitlines()))
    tpot = {r["subject"]: float(r["value"]) for r in rows if (r["section"], r["figure"]) == ("headline", "tpot_s")}
    assert {name: format_quantity(value, "s") for name, value in tpot.items()} == shown
    assert tpot[own] < tpot[f"{own}, example"]
    differing = {(r["item"], r["figure"], r["value"]) for r in rows if r["section"] == "difference"}
    assert any("Technology" in figure and value == "HBM3" for _, figure, value in differing)
    page = (folder / "both.html").read_text(encoding="utf-8")
    assert all(text in page for text in (*shown, *shown.values(), "Technology"))
    user.window.close()


def ask_how_they_know(folder: Path) -> None:
    """Ask what an H100's figures rest on, judge the predictions by one's own table, calibrate by it, and use that."""
    user = new_user(load_example("tensor-gpu-hbm3"))
    user.window.document.set_scenario(Scenario(weight_bits=16, activation_bits=16))
    user.rest()
    first = user.ratio("TPOT", 0)
    assert "(" in first
    assert "–" in first, "a measured device's ratio has a band"
    user.ask_about_baseline("H100")
    kernels = user.evidence()
    assert kernels["Matrix products"]["Error"].endswith("%")
    assert float(kernels["Matrix products"]["Error"][:-2]) < float(kernels["Matrix products"]["Roofline's"][:-2])
    user.time_baseline("H100", kernels_of="vLLM")
    assert "H100 80GB SXM5, vLLM" in user.baselines()
    table = own_measurements(folder / "mine.csv", slower=1.5)
    (line,) = user.validate(table)
    assert line["Rows"] == "80"
    assert line["Median"] == "33.3 %", "all measurements take 1.5 times as long as predicted"
    slow = folder / "mine.json"
    user.calibrate(table, slow)
    assert "H100 80GB SXM5, own calibration, vLLM" in user.baselines()
    assert user.ratio_value("TPOT", 0) < float(first.split()[1].lstrip("×"))
    (again,) = user.validate(table)
    assert float(again["Median"][:-2]) < 10.0, "the own calibration predicts the own table"
    user.window.close()


def shorten_wires_and_pin_weights(folder: Path) -> None:
    """Auto-arrange, pin weights to a memory by hand, see what that costs, and take all of it back."""
    design = load_example("memory-starved-ddr4")
    user = new_user(design)
    before = user.joules_per_token()
    told = user.arrange()
    assert "less energy" in told, told
    assert user.joules_per_token() < before
    user.show_placement()
    assert "→" in user.placed("QKV")["SRAM"], "the best placement differs from the rule's"
    arranged = user.joules_per_token()
    memory = next(b.name for b in design.blocks if b.kind == "dram")
    assert user.drag_weights("FFN down", onto=memory) == f"Pin FFN down to {memory}"
    assert user.placed("FFN down")["SRAM"].startswith("–")
    chart = user.window.chart_room.placement
    assert chart.cost.isVisible()
    assert "cost" in chart.cost.text()
    assert user.joules_per_token() > arranged
    user.undo()
    assert user.joules_per_token() == arranged
    user.undo()
    assert user.window.document.design == design
    assert user.joules_per_token() == before
    user.window.close()


def own_measurements(path: Path, slower: float) -> Path:
    """A table of GEMMs on an H100 under vLLM, all of them slower than Chipscape predicts by a factor."""
    shapes = [(2 ** (i % 12), 512 * (1 + i % 11), 512 * (1 + i % 7)) for i in range(80)]
    m, n, k = (np.array(column, dtype=float) for column in zip(*shapes, strict=True))
    times = operator_seconds("H100 80GB SXM5", "gemm", {"m": m, "n": n, "k": k}, "16", "vllm").seconds
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("device", "m", "n", "k", "dtype", "latency_us", "framework"))
        writer.writerows(
            ("H100", *shape, "bf16", slower * t * 1e6, "vllm") for shape, t in zip(shapes, times.tolist(), strict=True)
        )
    return path


def decode_s(rows: list[tuple[str | float, ...]]) -> float:
    """Time of one decode step from the figures of the chart of operators."""
    return sum(float(row[2]) for row in rows if row[0] == "decode")


STORIES = {
    story.__name__: story
    for story in (
        draw_a_chip,
        starve_it_of_memory,
        take_everything_back,
        compare_two_memories,
        feel_the_memory_wall,
        ask_how_they_know,
        shorten_wires_and_pin_weights,
    )
}


def main() -> int:
    """Tell one story; 0 when it went as told and nothing went wrong on the way."""
    application()
    with watching() as reporter:
        STORIES[sys.argv[1]](Path(sys.argv[2]))
    if reporter.count:
        return 1
    print("done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
