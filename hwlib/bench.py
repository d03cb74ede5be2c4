"""The library's half of `chipscape bench`: what is timed, and how, is told in benchmarks/README.md."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from hwlib.bench_kernels import kernel_timings
from hwlib.catalog import example_designs, find_model, load_example
from hwlib.design.design import Block, Design
from hwlib.workload.scenario import Scenario

if TYPE_CHECKING:
    from hwlib.workload.llm import LlmArchitecture

MODELS = ("Llama-3.1-8B", "GPT-3 175B", "DeepSeek-V3")
SIZES = (1, 100, 10_000)
BATCH_EXAMPLE, BATCH_MODEL = "tensor-gpu-hbm3", "GPT-3 175B"
PROMPT = OUTPUT = 2048
MOST_CHIPS = 4096
COLD = "import sys; from hwlib import bench; print(bench.cold_s(*sys.argv[1:]))"


def benchmark(
    quick: bool = False, designs: Sequence[str] | None = None, models: Sequence[str] = MODELS
) -> dict[str, Any]:
    """The JSON object of `chipscape bench` without the window's half; `quick` repeats less and batches less.

    `designs` are names of example designs, all where None. Raises UnknownNameError for a name that isn't there.
    """
    names = example_designs() if designs is None else designs
    import_s()  # the first start compiles what was never imported
    return {
        "evaluate": [_evaluation(name, model, quick) for name in names for model in models],
        "pipelined": [_pipelined(name, model, quick) for name in names if _pipelines(name) for model in models],
        "batch": [_batch(size, quick) for size in (SIZES[:2] if quick else SIZES)],
        "kernels": kernel_timings(quick),
        "ui": None,
        "import_hwlib_s": statistics.median(import_s() for _ in range(1 if quick else 5)),
        "cold_start_s": None,
        "peak_memory_bytes": peak_memory_bytes(),
    }


def _evaluation(name: str, model: str, quick: bool) -> dict[str, Any]:
    """One example on one LLM: the first evaluation of a new process, then many of ever different designs."""
    design, llm = load_example(name), find_model(model)
    scenario = fitting_scenario(design, llm)
    chips = str(scenario.tensor_parallel)
    cold = statistics.median(_child(COLD, name, model, chips) for _ in range(1 if quick else 3))
    return {"design": name, "model": model, "cold_s": cold, **_warm(design, scenario, llm, quick)}


def _pipelines(name: str) -> bool:
    """Whether an example has crossbars, so that its layers can be pipelined."""
    return any(block.kind == "crossbar" for block in load_example(name).blocks)


def _pipelined(name: str, model: str, quick: bool) -> dict[str, Any]:
    """One example with its layers pipelined."""
    design, llm = load_example(name), find_model(model)
    settings = msgspec.structs.replace(design.settings, execution="layers_pipelined")
    design = msgspec.structs.replace(design, settings=settings)
    return {"design": name, "model": model, **_warm(design, fitting_scenario(design, llm), llm, quick)}


def _warm(design: Design, scenario: Scenario, llm: LlmArchitecture, quick: bool) -> dict[str, float]:
    """Evaluations of ever different designs made from one, after a first."""
    from hwlib.evaluate import evaluate

    drawn = variants(design, 20 if quick else 200)
    evaluate(design, scenario, llm)
    times = [_timed(lambda one=one: evaluate(one, scenario, llm)) for one in drawn]  # type: ignore[misc]
    return {"warm_p50_s": quantile(times, 0.50), "warm_p95_s": quantile(times, 0.95)}


def _batch(size: int, quick: bool) -> dict[str, Any]:
    """Full evaluations a second and core in one batch of distinct designs."""
    from hwlib.evaluate import evaluate_batch

    design, llm = load_example(BATCH_EXAMPLE), find_model(BATCH_MODEL)
    scenario = fitting_scenario(design, llm)
    repeats = 1 if quick else max(3, min(50, 1000 // size))
    evaluate_batch(variants(design, min(size, 2), seed=99), scenario, llm)
    times = []
    for i in range(repeats):
        drawn = variants(design, size, seed=i)
        times.append(_core_timed(lambda drawn=drawn: evaluate_batch(drawn, scenario, llm)))  # type: ignore[misc]
    return {"size": size, "designs_per_s": size / statistics.median(times)}


def fitting_scenario(design: Design, llm: LlmArchitecture) -> Scenario:
    """Batch 1, 2,048 tokens in and out, on the fewest chips (a power of two) on which the LLM runs; else on one.

    A model that does not fit is told from its bytes alone, and timing that would flatter.
    """
    from hwlib.evaluate import evaluate

    chips = 1
    while chips <= MOST_CHIPS:
        scenario = Scenario(prompt=PROMPT, output=OUTPUT, tensor_parallel=chips)
        if evaluate(design, scenario, llm).fits:
            return scenario
        chips *= 2
    return Scenario(prompt=PROMPT, output=OUTPUT)


def variants(design: Design, count: int, seed: int = 0) -> tuple[Design, ...]:
    """`count` distinct designs made from one by changing clocks, capacities, places and the overlap a little."""
    rng = random.Random(seed)
    return tuple(_variant(design, rng) for _ in range(count))


def _variant(design: Design, rng: random.Random) -> Design:
    overlap = min(0.95, max(0.05, design.settings.overlap * rng.uniform(0.9, 1.1)))
    return msgspec.structs.replace(
        design,
        settings=msgspec.structs.replace(design.settings, overlap=overlap),
        blocks=tuple(_changed(block, rng) for block in design.blocks),
    )


def _changed(block: Block, rng: random.Random) -> Block:
    """The block at another clock, with a little more memory, and moved by up to 10 µm."""
    part: Any = block.part
    changes: dict[str, Any] = {}
    for name in ("clock_Hz", "adc_rate_Hz"):
        if hasattr(part, name):
            changes[name] = getattr(part, name) * rng.uniform(0.8, 1.0)
    if block.kind == "sram":
        changes["capacity_bytes"] = part.capacity_bytes + 64 * rng.randrange(1024)
    place = msgspec.structs.replace(block.placement, x_m=block.placement.x_m + rng.uniform(0.0, 1e-5))
    return msgspec.structs.replace(block, part=msgspec.structs.replace(part, **changes), placement=place)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _core_timed(work: Callable[[], object]) -> float:
    """Seconds on one core: the wall's, or the processor's where several cores worked at once."""
    start = time.process_time()
    wall = _timed(work)
    return max(wall, time.process_time() - start)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed. Raises IndexError for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(share * len(ordered) + 0.999999) - 1))]


def peak_memory_bytes() -> int | None:
    """The most memory that this process ever held; None where the system doesn't tell (Windows)."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@cache
def _bytecode_folder() -> tempfile.TemporaryDirectory[str]:
    """Lasts as long as this process."""
    return tempfile.TemporaryDirectory(prefix="chipscape-bench-", ignore_cleanup_errors=True)


def as_installed() -> dict[str, str]:
    """The variables of a process whose start is timed: it finds compiled modules, as pip leaves them.

    Where this process writes no bytecode, timed ones keep theirs in a folder of this run, which the first one fills.
    """
    if not sys.dont_write_bytecode:
        return dict(os.environ)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"PYTHONPYCACHEPREFIX": _bytecode_folder().name} | kept


def _child(code: str, *arguments: str) -> float:
    """The number that a new process prints. Raises RuntimeError with the process's last words where it fails."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=as_installed())
    if done.returncode != 0:
        raise RuntimeError(f"a process of the benchmark failed: {''.join(done.stderr.splitlines()[-1:])}")
    return float(done.stdout.split()[-1])


def import_s() -> float:
    """Seconds that a new process takes to import the library, the interpreter's own start left out."""
    return _child("import time; t = time.perf_counter(); import hwlib.evaluate; print(time.perf_counter() - t)")


def cold_s(name: str, model: str, chips: str) -> float:
    """Seconds of the first evaluation in this process, reading the design, the catalog and the tables included."""
    from hwlib.evaluate import evaluate

    def first() -> None:
        scenario = Scenario(prompt=PROMPT, output=OUTPUT, tensor_parallel=int(chips))
        evaluate(load_example(name), scenario, find_model(model))

    return _timed(first)
