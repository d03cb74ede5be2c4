"""evaluate is a pure function: the same value again, from several threads at once, and with memory that stays flat."""

from __future__ import annotations

import concurrent.futures
import gc
import importlib
import inspect
import pkgutil
import random
import tracemalloc

import msgspec

import hwlib
from hwlib.catalog import example_designs, find_model, load_example
from hwlib.design.edit import replace_part
from hwlib.evaluate import evaluate
from hwlib.report import Report
from hwlib.workload.scenario import Scenario

LLMS = tuple(find_model(n) for n in ("Llama-3.1-8B", "Mixtral-8x7B", "DeepSeek-V2-Lite"))


def job(number: int) -> Report:
    """One of many different evaluations, the same for the same number."""
    rng = random.Random(number)
    design = load_example(rng.choice(example_designs()))
    for block in design.blocks:
        if block.kind == "dram":
            design = replace_part(design, block.id, {"bandwidth_Bps": rng.uniform(1e11, 1e12)})
        if block.kind == "compute_array":
            design = replace_part(design, block.id, {"rows": rng.randint(8, 256)})
    node = msgspec.structs.replace(design.settings, node_nm=rng.uniform(3.0, 40.0))
    scenario = Scenario(
        prompt=rng.randint(1, 4000), output=rng.randint(1, 2000), batch=rng.randint(1, 64),
        weight_bits=rng.choice((4, 8)), tensor_parallel=rng.choice((1, 8, 64)), pipeline_parallel=rng.choice((1, 2)),
    )  # fmt: skip
    return evaluate(msgspec.structs.replace(design, settings=node), scenario, rng.choice(LLMS))


def figures(report: Report) -> tuple[object, ...]:
    return (report.status, report.reason, report.metrics, report.operators, report.energy_by_component, report.findings)


def test_threads_and_repeats_give_the_same_figures() -> None:
    numbers = range(24)
    alone = [figures(job(n)) for n in numbers]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda n: figures(job(n)), [*numbers, *reversed(numbers)]))
    assert together == [*alone, *reversed(alone)]
    assert len({status for status, *_ in alone}) > 1


def dragged(step: int) -> None:
    """An evaluation as in a drag: a number of the design changes with every step."""
    design = replace_part(load_example("tensor-gpu-hbm3"), "cores", {"clock_Hz": 1e9 + 1e5 * step})
    evaluate(design, Scenario(prompt=256, output=64), LLMS[0])


def test_memory_stays_flat_while_numbers_change() -> None:
    for step in range(30):
        dragged(step)
    gc.collect()
    tracemalloc.start()
    try:
        dragged(30)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for step in range(31, 71):
            dragged(step)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 200_000


def cached_functions() -> dict[str, object]:
    names = [m.name for m in pkgutil.walk_packages(hwlib.__path__, "hwlib.") if not m.name.endswith("__main__")]
    modules = [importlib.import_module(name) for name in names]
    found = {(f.__module__, f.__qualname__): f for m in modules for f in vars(m).values() if hasattr(f, "cache_info")}
    return {".".join(key): f for key, f in found.items() if key[0].startswith("hwlib")}


def test_every_cache_is_bounded() -> None:
    """Those without a limit are keyed by names of resources or kinds of structs, which are few, or by nothing."""
    functions = cached_functions()
    assert len(functions) > 15
    for name, function in functions.items():
        if function.cache_info().maxsize is None:  # type: ignore[attr-defined]
            kinds = [p.annotation for p in inspect.signature(function).parameters.values()]  # type: ignore[arg-type]
            assert kinds in ([], ["str"], ["type[msgspec.Struct]"]), name
