"""The benchmark measures what it says: documented keys, designs never seen before, models that really run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwlib import bench
from hwlib.baselines.kernels.registry import KERNELS
from hwlib.catalog import find_model, load_example
from hwlib.design.files import dumps, loads
from hwlib.evaluate import evaluate

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = bench.BATCH_EXAMPLE


def test_keys_are_those_documented() -> None:
    made = bench.benchmark(quick=True, designs=[EXAMPLE], models=["Llama-3.1-8B"])
    assert list(made) == [
        *("evaluate", "pipelined", "batch", "kernels", "ui", "import_hwlib_s", "cold_start_s", "peak_memory_bytes")
    ]
    assert made["pipelined"] == []
    (row,) = made["evaluate"]
    assert list(row) == ["design", "model", "cold_s", "warm_p50_s", "warm_p95_s"]
    assert 0 < row["warm_p50_s"] <= row["warm_p95_s"]
    assert row["cold_s"] > 0
    assert [batch["size"] for batch in made["batch"]] == [1, 100]
    assert all(batch["designs_per_s"] > 0 for batch in made["batch"])
    assert [(row["kind"], row["rows"]) for row in made["kernels"]] == [(kind, 10_000) for kind in KERNELS]
    assert all(row["predict_s"] > 0 for row in made["kernels"])
    assert made["ui"] is made["cold_start_s"] is None
    assert made["peak_memory_bytes"] > 2**20
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_layers_are_pipelined_where_there_are_crossbars() -> None:
    made = bench.benchmark(quick=True, designs=["rram-crossbar-attention"], models=["Llama-3.1-8B"])
    (row,) = made["pipelined"]
    assert list(row) == ["design", "model", "warm_p50_s", "warm_p95_s"]
    assert 0 < row["warm_p50_s"] <= row["warm_p95_s"]


def test_variants_are_distinct_and_valid() -> None:
    design = load_example(EXAMPLE)
    made = bench.variants(design, 50)
    assert len({dumps(one) for one in (design, *made)}) == 51
    assert all(loads(dumps(one)) == one for one in made)
    assert bench.variants(design, 50) == made
    assert bench.variants(design, 1, seed=1) != made[:1]


@pytest.mark.parametrize("model", bench.MODELS)
def test_what_is_timed_runs_on_the_fewest_chips(model: str) -> None:
    design, llm = load_example(EXAMPLE), find_model(model)
    scenario = bench.fitting_scenario(design, llm)
    assert evaluate(design, scenario, llm).fits
    assert (scenario.prompt, scenario.output, scenario.batch) == (2048, 2048, 1)
    assert scenario.chips == 1 or model != "Llama-3.1-8B"


def test_quantiles_are_values_that_occurred() -> None:
    values = [float(i) for i in range(1, 101)]
    assert (bench.quantile(values, 0.5), bench.quantile(values, 0.95)) == (50.0, 95.0)
    assert bench.quantile([3.0], 0.95) == 3.0


def test_without_the_window_its_benchmark_is_refused_at_once() -> None:
    code = (
        "import sys; sys.modules['explorer'] = None\n"
        "from hwlib.cli import run; raise SystemExit(run(['bench', '--ui', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT, env=dict(os.environ)
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--ui times the window" in done.stderr
    assert done.stderr.count("\n") == 1
