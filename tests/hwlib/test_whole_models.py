"""Whole models: overheads of passes, continuous batching, tables of measured runs, and how near predictions are."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib import cli
from hwlib.baselines.calibration import operator_seconds
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.measured import Skips
from hwlib.baselines.serving import CHUNK_TOKENS, chunk_sequences, serve, steady_state
from hwlib.baselines.steps import StepOverhead, overheads, step_overhead, step_overhead_s
from hwlib.baselines.table_files import TableError
from hwlib.catalog import devices, find_model
from hwlib.evaluate import evaluate_device
from hwlib.report import Report
from hwlib.validation.fit_steps import FREE, HIGHEST, Group, Pass, Sample, fit, overhead
from hwlib.validation.whole_models import predict, validate_whole_models
from hwlib.validation.whole_rows import WholeRow, read_whole_rows
from hwlib.workload.scenario import Scenario

SHARED = Path(__file__).parents[3] / "shared" / "data" / "measured" / "e2e_throughput.csv.gz"
HEAD = (
    "source,device,n_devices,model,dtype,framework,tp,pp,batch,isl,osl,"
    "ttft_s,tpot_s,output_tok_s,energy_J_per_tok,notes"
)
FAST = "mine,A100-SXM4-80GB,1,meta-llama/Llama-2-7b-hf,bf16,gpt-fast,1,,1,5,200,,0.0095,,,"
H100, LLAMA = "H100 80GB SXM5", find_model("Llama-3.1-8B")
PLAIN = StepOverhead(framework="mine", launch="graph", a0_s=0.0, a1_s=0.0, a2_s=0.0, low=1.0, high=1.0)


def table(folder: Path, *rows: str, head: str = HEAD) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return path


def read(folder: Path, *rows: str, head: str = HEAD) -> tuple[list[WholeRow], list[dict[str, str | int]]]:
    skips = Skips()
    return list(read_whole_rows(table(folder, *rows, head=head), skips)), skips.as_json()


# Overheads of passes ----------------------------------------------------------------------------------------------


def test_an_overhead_counts_layers_sequences_and_prefills_apart():
    x = msgspec.structs.replace(PLAIN, a0_s=1e-3, a1_s=1e-5, a2_s=1e-6, prefill_a1_s=4e-5, prefill_shared_s=1e-4)
    assert x.seconds("decode", 32, 8) == pytest.approx(1e-3 + 32e-5 + 8e-6)
    assert x.seconds("decode", 32, 8, chips=4) == x.seconds("decode", 32, 8)
    assert x.seconds("prefill", 32, 8) == pytest.approx(1e-3 + 128e-5 + 8e-6)
    assert x.seconds("prefill", 32, 8, chips=4) == pytest.approx(1e-3 + 32 * 14e-5 + 8e-6)


def test_frameworks_without_rows_take_the_overhead_of_all():
    assert step_overhead("nobody's", "graph") == step_overhead("any", "graph")
    assert step_overhead("trtllm", "engine", "ampere") != step_overhead("trtllm", "engine", "hopper")
    assert step_overhead("trtllm", "engine", "hopper").generation == ""
    assert {launch for _, launch, _ in overheads()} == {"eager", "graph", "engine"}


@pytest.mark.parametrize("key", sorted(overheads()))
def test_shipped_overheads_say_where_they_are_from(key):
    x = overheads()[key]
    assert x.source
    assert x.date
    assert x.confidence in ("measured", "estimate")
    assert (x.rows > 0) == (x.confidence == "measured")
    assert 0.3 < x.pass_low <= 1.0 <= x.pass_high < 2.5
    seconds, low, high, source = step_overhead_s(key[0], key[1], 32, 8)
    assert 0.0 < low < seconds < high < 0.1
    assert source


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_launches_overlap_and_kernels_fuse_within_a_pass(share):
    scenario = Scenario(prompt=64, output=1, batch=1, weight_bits=16, activation_bits=16)

    def row(key: str, **shares: float) -> float:
        settings = DeviceSettings(framework="vllm", launch="graph", step=msgspec.structs.replace(PLAIN, **shares))
        report = evaluate_device(H100, scenario, LLAMA, settings)
        return next(r.time_s for r in report.operators if r.key == key)

    alone = operator_seconds(H100, "gemm", {"m": 64, "n": 6144, "k": 4096}, "16", "vllm")
    saved = (1.0 - share) * float(alone.basis.model.constants["overhead_s"])
    assert row("prefill.qkv", launch_share=share) == pytest.approx(32 * (alone.seconds[0] - saved), rel=1e-6)
    norm = row("prefill.norm_attention")
    assert row("prefill.norm_attention", fused_share=share) == pytest.approx(share * norm)


# Continuous batching ----------------------------------------------------------------------------------------------


@given(
    step=st.floats(1e-4, 1.0), prefill=st.floats(1e-4, 10.0), batch=st.floats(1.0, 4096.0), output=st.integers(1, 8192)
)
def test_a_steady_state_serves_every_token_of_a_cycle(step, prefill, batch, output):
    found = steady_state(step, prefill, batch, output)
    cycle = batch * prefill + (output - 1) * step
    assert found.tokens_per_s * cycle == pytest.approx(batch * output)
    assert 0.0 < found.prefill_share <= 1.0
    if output > 1:  # a sequence lives for its own prompt and all tokens after it: Little's law
        assert prefill + (output - 1) * found.tpot_s == pytest.approx(cycle)
    assert steady_state(step, prefill, batch, output, 0.5).tpot_s <= found.tpot_s


def test_prompts_are_read_in_chunks():
    assert chunk_sequences(1000, 3.0) == 3
    assert chunk_sequences(1000, 300.0) == CHUNK_TOKENS // 1000
    assert chunk_sequences(100_000, 300.0) == 1


@cache
def on_h100(scenario: Scenario) -> Report:
    return evaluate_device(H100, scenario, LLAMA, DeviceSettings(framework="vllm", launch="graph"))


@pytest.mark.parametrize(("concurrency", "limit"), [(16, "concurrency"), (None, "memory")])
def test_serving_is_the_steady_state_of_its_reports(concurrency, limit):
    scenario = Scenario(prompt=2000, output=500, weight_bits=16, activation_bits=16)
    found = serve(on_h100, scenario, concurrency)
    figure = found.figure
    assert figure is not None
    assert figure.limit == limit
    assert figure.sequences == found.batch.metrics.batch_running
    each = found.prompt.metrics.ttft_s / found.prompt.scenario.batch
    cycle = figure.sequences * each + 499 * found.batch.metrics.tpot_s
    assert figure.tokens_per_s == pytest.approx(figure.sequences * 500 / cycle)
    assert figure.tokens_per_s_band[0] < figure.tokens_per_s < figure.tokens_per_s_band[1]
    assert figure.tpot_band_s[0] < figure.tpot_s < figure.tpot_band_s[1]
    assert figure.step_s < figure.tpot_s


def test_serving_says_why_a_model_does_not_run():
    scenario = Scenario(prompt=100, output=10)
    found = serve(lambda s: evaluate_device(H100, s, find_model("GPT-3 175B")), scenario)
    assert found.figure is None
    assert "does not fit" in found.reason


def test_the_command_line_serves_continuously(capsys):
    words = ["evaluate", "H100", "--model", "Llama-3.1-8B", "--weight-bits", "8", "--serving"]
    assert cli.run([*words, "continuous", "--batch", "12", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["continuous"]["sequences"] == made["scenario"]["batch"] == 12
    assert made["continuous"]["tokens_per_s"] < made["tokens_per_s"]
    assert cli.run([*words, "static", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["continuous"] is None
    assert cli.run([*words, "sometimes"]) == 2
    assert "All: static, continuous." in capsys.readouterr().err


# Reading tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "dtype", "framework", "bits"),
    [
        ("A100", "bf16", "gpt-fast", (16, 16, 16)), ("A100", "int8w", "gpt-fast", (8, 16, 16)),
        ("A100", "int4w-g32", "gpt-fast", (4, 16, 16)), ("H100", "FP8", "TensorRT-LLM 0.9", (8, 8, 8)),
        ("h100_sxm", "fp8/gemm=fp8_block", "vllm 0.12.0", (8, 8, 16)), ("H200", "nan/gemm=nan", "sglang", (16, 16, 16)),
        ("h100_sxm", "fp4/gemm=nvfp4", "vllm", (4, 16, 16)), ("B200", "fp4", "trtllm 1.0.0rc3", (4, 4, 8)),
        ("H100", "Mixed(bf16/fp16)", "TensorRT-LLM 0.15", (16, 16, 16)),
    ],
)  # fmt: skip
def test_number_formats_become_bits(tmp_path, device, dtype, framework, bits):
    (row,), skipped = read(tmp_path, f"x,{device},1,Llama-2-7B,{dtype},{framework},1,,4,100,20,,0.02,,,")
    s = row.scenario
    assert (s.weight_bits, s.activation_bits, s.kv_bits) == bits
    assert (s.prompt, s.output, s.batch) == (100, 20, 4)
    assert not skipped


@pytest.mark.parametrize(
    ("framework", "name", "launch"),
    [
        ("TensorRT-LLM 0.9", "trtllm", "engine"), ("trtllm 1.0.0rc3", "trtllm", "graph"), ("vLLM", "vllm", "graph"),
        ("gpt-fast (torch.compile)", "gpt-fast", "graph"), ("", "any", "graph"),
    ],
)  # fmt: skip
def test_frameworks_and_their_launches(tmp_path, framework, name, launch):
    (row,), _ = read(tmp_path, f"x,A100,1,Llama-2-7B,bf16,{framework},1,,4,100,20,,0.02,,,")
    assert (row.framework, row.launch) == (name, launch)


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("x,A100,1,Llama-2-7B,bf16,vllm,1,,4,100,20,,-0.02,,,", "tpot_s", "zero, negative or not finite"),
        ("x,A100,1,Llama-2-7B,bf16,vllm,1,,4,100,20,,soon,,,", "tpot_s", "not a number"),
        ("x,NoSuchChip,1,Llama-2-7B,bf16,vllm,1,,4,100,20,,0.02,,,", "device", "no device is called 'NoSuchChip'"),
        ("x,A100,1,NoSuchLM,bf16,vllm,1,,4,100,20,,0.02,,,", "model", "no model is called 'NoSuchLM'"),
        ("x,A100,1,Llama-2-7B,int3,vllm,1,,4,100,20,,0.02,,,", "dtype", "number format 'int3' isn't known"),
        ("x,A100,1,Llama-2-7B,bf16,vllm,1,,,100,20,,,900,,", "batch", "no batch is stated"),
        ("x,A100,1,Llama-2-7B,bf16,vllm,1,,4,,20,,0.02,,,", "isl", "no prompt length is stated"),
        ("x,A100,1,Llama-2-7B,bf16,vllm,8,,4,9,20,,0.02,,,agg; dp=8.0", "notes", "data-parallel"),
        ("x,A100,1,Llama-2-7B,bf16,vllm,1,,4,100,20,,,,,", "", "no figure that is predicted"),
        ("x,A100,1,Llama-2-7B,bf16,vllm,1,,4,100,0,,0.02,,,", "osl", "not between 1"),
        ("x,A100,1,Llama-2-7B,bf16,vllm,99999,,4,100,20,,0.02,,,", "", "no scenario of the product"),
    ],
)
def test_bad_rows_are_told_and_the_good_ones_used(tmp_path, row, column, words):
    rows, skipped = read(tmp_path, row, FAST)
    assert [r.line for r in rows] == [3]
    assert (skipped[0]["rows"], skipped[0]["first_line"], skipped[0]["column"]) == (1, 2, column)
    assert words in skipped[0]["reason"]


def test_figures_that_cannot_be_judged_leave_the_rest_of_a_row(tmp_path):
    queueing = "x,H100,1,Llama-2-7B,bf16,vllm,1,,8,100,20,3.0,0.02,,,silicon_concurrency=8; ttft includes queueing"
    twice = "x,A100,1,Llama-2-7B,bf16,gpt-fast,1,,1,5,200,,0.01,100,,"
    server = "x,A100,1,Llama-2-7B,bf16,gpt-fast,1,,1,5,200,,0.01,,9.0,energy of the whole server"
    rows, skipped = read(tmp_path, queueing, twice, server)
    assert [set(r.measured) for r in rows] == [{"tpot"}, {"tpot"}, {"tpot"}]
    assert [r.continuous for r in rows] == [True, False, False]
    assert {s["column"] for s in skipped} == {"ttft_s", "output_tok_s", "energy_J_per_tok"}


def test_published_results_are_read_the_same_way(tmp_path):
    head = (
        "device,n_devices,parallelism,model,weight_dtype,engine,batch,in_tokens,out_tokens,metric,value,unit,"
        "tokens_per_s_total,source"
    )
    rows, skipped = read(
        tmp_path,
        "A100-80-SXM@330W,8,TP8,Llama-2-70B,int8,gpt-fast,1,5,~200,decode,80.0,tok/s,80.0,here",
        "H100-SXM,2,TP2,LLaMA-70B,fp8,TensorRT-LLM,96,2048,128,throughput/GPU,306,out tok/s/GPU,612,there",
        "H100-SXM,1,TP1,LLaMA-7B,fp8,TensorRT-LLM v0.5,1,2048,1,prefill latency (1st token),36,ms,,there",
        "H200-SXM,1,TP1,Llama-3.1-8B,fp8,TensorRT-LLM v1.0 in-flight,max,1000,1000,throughput,17744,tok/s,17744,there",
        "Groq LPU v1,576,rack,Llama-2-70B,int8,Groq,1,100,100,decode per user,300,tok/s/user,300,there",
        head=head,
    )
    assert [dict(r.measured) for r in rows] == [
        {"tpot": pytest.approx(1 / 80)}, {"throughput": 612.0}, {"ttft": pytest.approx(0.036)}, {"throughput": 17744.0},
    ]  # fmt: skip
    assert [r.scenario.tensor_parallel for r in rows] == [8, 2, 1, 1]
    assert [r.open_batch for r in rows] == [False, False, False, True]
    assert "isn't a figure that is predicted" in skipped[0]["reason"]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("device,model", "lacks what whole models need: dtype, isl, osl"),
        ("device,model,dtype,isl,osl", "has no measured figure of a whole model"),
        ("a;b;c", "parted by semicolons"),
    ],
)
def test_a_table_of_something_else_is_refused(tmp_path, head, words, capsys):
    path = table(tmp_path, "1,2", head=head)
    with pytest.raises(TableError, match=words):
        list(read_whole_rows(path, Skips()))
    assert cli.run(["validate", str(path), "--kind", "e2e"]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


# Judging ----------------------------------------------------------------------------------------------------------

STATIC = "there,H100,1,LLaMA 7B,FP8,TensorRT-LLM 0.9,1,,64,128,128,,,9000,,static batch"
FIRST = "there,H100,1,LLaMA 7B,FP8,TensorRT-LLM 0.9,1,,1,128,1,0.0063,,,,first token latency"
ENERGY = (
    "ml.energy v2,H100 80GB HBM3,1,meta-llama/Meta-Llama-3.1-8B-Instruct,bf16,vLLM,1,1,64,,400,,0.03,1500,0.2,task=chat"
)
LOADED = "docs,H200,1,Llama 3.1 8B,FP8,TensorRT-LLM 1.0,1,,,1000,1000,,,17744,,max-load in-flight batching"


def test_groups_are_by_metric_and_way_of_serving(tmp_path):
    found = validate_whole_models(table(tmp_path, FAST, STATIC, FIRST, ENERGY, LOADED))
    assert [(g["kind"], g["metric"]) for g in found.groups] == [
        ("e2e", "throughput"), ("e2e", "tpot"), ("e2e", "ttft"), ("e2e continuous", "J_per_token"),
        ("e2e continuous", "throughput"), ("e2e continuous", "throughput"), ("e2e continuous", "tpot"),
    ]  # fmt: skip
    for group in found.groups:
        assert group["n"] == 1
        assert group["median"] == group["mean"] == group["p90"] == abs(group["bias"])
        assert group["in_band"] in (0.0, 1.0)
        assert group["roofline_mean"] > 0.0
    told = next(g for g in found.groups if g["metric"] == "J_per_token")
    assert told["conventions"] == ["prompts of 250 tokens"]
    assert found.to_json()["rows"] == "all"


def test_errors_are_those_of_the_reports(tmp_path):
    found = validate_whole_models(table(tmp_path, STATIC))
    scenario = Scenario(
        prompt=128, output=128, batch=64, weight_bits=8, activation_bits=8, kv_bits=8, group=1_000_000
    )  # fmt: skip
    settings = DeviceSettings(framework="trtllm", launch="engine")
    report = evaluate_device(H100, scenario, find_model("LLaMA-7B"), settings)
    assert found.groups[0]["bias"] == pytest.approx(report.metrics.e2e_tokens_per_s / 9000 - 1.0)
    inside = report.bands["e2e_tokens_per_s"][0] <= 9000 <= report.bands["e2e_tokens_per_s"][1]
    assert found.groups[0]["in_band"] == float(inside)


def test_what_no_such_batch_can_reach_is_not_judged(tmp_path):
    found = validate_whole_models(table(tmp_path, FAST.replace("0.0095", "0.0001"), LOADED.replace("17744", "9e9")))
    assert [g["kind"] for g in found.groups] == ["e2e continuous"]  # there the batch is the model's own
    assert found.skipped[0]["column"] == "tpot_s"
    assert "faster than peak and DRAM bandwidth allow" in found.skipped[0]["reason"]


def test_predictions_are_written_beside_the_rows(tmp_path):
    path, out = table(tmp_path, FAST, FAST.replace("A100-SXM4-80GB", "NoSuchChip"), FIRST), tmp_path / "out.csv.gz"
    assert cli.run(["validate", str(path), "--kind", "e2e", "--out", str(out), "--json"]) == 0
    import gzip

    with gzip.open(out, "rt", encoding="utf-8") as file:
        first, unknown, last = csv.DictReader(file)
    assert float(first["predicted_s"]) == float(first["predicted_tpot_s"])
    assert (
        float(first["predicted_tpot_s_low"]) < float(first["predicted_tpot_s"]) < float(first["predicted_tpot_s_high"])
    )
    assert unknown["predicted_s"] == ""
    assert last["predicted_s"] == last["predicted_ttft_s"] != ""


def test_the_command_line_sees_that_a_table_is_of_whole_models(tmp_path, capsys):
    path = str(table(tmp_path, FAST, STATIC))
    told = []
    for words in ([], ["--kind", "e2e"]):
        assert cli.run(["validate", path, "--json", *words]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert [g["kind"] for g in told[0]["groups"]] == ["e2e", "e2e"]


def test_devices_and_sides_of_the_split_can_be_chosen(tmp_path):
    path = table(tmp_path, *(STATIC.replace(",64,128,128,,,9000", f",{b},128,128,,,500") for b in range(8, 40)), FAST)
    whole, fitted, kept = (validate_whole_models(path, "H100", rows=r) for r in ("all", "fitted", "kept-out"))
    assert {g["catalog_device"] for g in whole.groups} == {H100}
    assert whole.groups[0]["n"] == 32 == fitted.groups[0]["n"] + kept.groups[0]["n"]
    assert 6 < fitted.groups[0]["n"] < 26


# Fitting ----------------------------------------------------------------------------------------------------------


def test_a_fit_finds_the_constants_that_made_the_rows(tmp_path):
    known = dict.fromkeys(FREE, 0.0) | {"launch_share": 0.3, "fused_share": 0.6, "a0_s": 2e-3, "a1_s": 3e-5}
    known |= {"a2_s": 2e-5, "interference": 0.7}
    rng, samples = np.random.default_rng(7), []
    rows = (
        f"x,A100,1,Llama-2-7B,bf16,vllm,1,,{b},100,{t},,1,,,silicon_concurrency={b}"
        for b in range(2, 40)
        for t in (64, 900)
    )
    truth = Group("mine", "graph", [], fixed={})
    values = truth.constants(np.array([known[name] / HIGHEST[name] for name in FREE]))
    for row in read(tmp_path, *rows)[0]:
        batch, layers = float(row.scenario.batch), float(rng.integers(16, 100))
        read_s = Pass(*rng.uniform([0.01, 1e-3, 2e-3], [0.2, 4e-3, 8e-3]), layers, 4.0, 1)
        step = Pass(*rng.uniform([5e-3, 1e-3, 1e-3], [4e-2, 8e-3, 4e-3]), layers, batch, 1)
        sample = Sample(row, "tpot", 1.0, read_s, step, batch, 4.0, 1.0)
        samples.append(Sample(row, "tpot", sample.seconds(values), read_s, step, batch, 4.0, 1.0))
    group = Group("mine", "graph", samples)
    found = overhead(group, fit(group))
    assert found.rows + found.kept_out_rows == len(samples)
    assert found.mean < 0.01
    assert found.a0_s == pytest.approx(2e-3, rel=0.15)
    assert found.a2_s == pytest.approx(2e-5, rel=0.15)
    assert found.launch_share == pytest.approx(0.3, abs=0.05)
    assert found.interference == pytest.approx(0.7, abs=0.05)


# Against what was measured ----------------------------------------------------------------------------------------


@cache
def kept_out() -> dict[tuple[str, str, str], dict[str, float]]:
    if not SHARED.exists():
        pytest.skip("the measured tables are not beside this checkout")
    found = validate_whole_models(SHARED, rows="kept-out")
    return {(t["kind"], t["metric"], t["source"]): t for t in found.totals}


@pytest.mark.parametrize(
    ("kind", "metric", "source", "most"),
    [
        ("e2e", "tpot", "gpt-fast README", 0.10), ("e2e", "throughput", "trtllm-docs v0.9", 0.10),
        ("e2e", "ttft", "trtllm-docs v0.9", 0.10), ("e2e continuous", "J_per_token", "ml.energy v2", 0.25),
        ("e2e continuous", "throughput", "trtllm-docs v1.0", 0.15),
        ("e2e continuous", "tpot", "aic:silicon_sample", 0.20),
    ],
)  # fmt: skip
def test_whole_models_are_as_near_as_promised_on_rows_kept_out(kind, metric, source, most):
    total = kept_out()[kind, metric, source]
    assert total["n"] >= 7
    assert total["mean"] <= most
    assert total["mean"] < total["roofline_mean"]


def test_no_row_is_left_out_for_an_unknown_model_or_device():
    if not SHARED.exists():
        pytest.skip("the measured tables are not beside this checkout")
    skips = Skips()
    rows = list(read_whole_rows(SHARED, skips))
    assert len(rows) > 900
    assert not [s for s in skips.as_json() if s["column"] in ("device", "model", "dtype")]
    assert not isinstance(predict(rows[0]), str)


def test_a_device_that_serves_continuously_tells_so_beside_its_batch():
    scenario, settings = Scenario(batch=4, weight_bits=8), DeviceSettings(serving="continuous")
    batch, both = (evaluate_device("H100", scenario, LLAMA, s) for s in (DeviceSettings(), settings))
    full = evaluate_device("H100", scenario, LLAMA, DeviceSettings(serving="full"))
    assert batch.continuous is None
    assert both.metrics == batch.metrics  # the batch itself is what it was
    assert (both.continuous.sequences, both.continuous.limit) == (4, "concurrency")
    assert full.continuous.sequences > 100
    assert full.continuous.limit == "memory"
    assert full.continuous.tokens_per_s > both.continuous.tokens_per_s
    low, high = full.continuous.tokens_per_s_band
    assert low < full.continuous.tokens_per_s < high


def test_comparisons_hold_continuous_batching_and_the_plain_roofline(capsys):
    words = ["compare", "systolic-tpu-hbm2", "A100", "--batch", "4", "--serving", "continuous"]
    assert cli.run([*words, "--json"]) == 0
    design, device = json.loads(capsys.readouterr().out)
    served = [d["continuous"]["tokens_per_s"] for d in (design, device)]
    assert device["comparison"]["ratios"]["continuous.tokens_per_s"] == pytest.approx(served[1] / served[0])
    assert design["roofline"] is None
    assert cli.run(words) == 0
    printed = capsys.readouterr().out
    assert "Tokens per second, continuous batching" in printed
    assert "TTFT by a plain roofline" in printed


@pytest.mark.parametrize(("bits", "batch"), [(4, 1), (8, 64), (16, 8)])
def test_no_baseline_is_faster_than_its_plain_roofline(bits, batch):
    scenario = Scenario(batch=batch, weight_bits=bits, activation_bits=max(8, bits))
    reports = [evaluate_device(device.name, scenario, LLAMA) for device in devices()]
    shown = [r for r in reports if r.metrics is not None and r.roofline is not None]
    assert len(shown) > 20
    for report in shown:
        assert report.metrics.ttft_s >= report.roofline.ttft_s, report.subject
        assert report.metrics.tpot_s >= report.roofline.tpot_s, report.subject
