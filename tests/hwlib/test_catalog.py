"""The catalog: names are found as people write them, figures carry their sources, and what can't run says why."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib.catalog import (
    AmbiguousNameError,
    Device,
    UnknownNameError,
    devices,
    example_designs,
    find_device,
    find_model,
    load_example,
    models,
    power_range_W,
    precision_for,
)
from hwlib.catalog.lookup import fold
from hwlib.catalog.models import fold_model
from hwlib.resources import ResourceError, read_csv, read_text


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("A100", "A100 80GB SXM4"),
        ("a100_sxm", "A100 80GB SXM4"),
        ("A100-SXM4-80GB", "A100 80GB SXM4"),
        ("A100-80GB", "A100 80GB SXM4"),
        ("A100-80-SXM", "A100 80GB SXM4"),
        ("A100-SXM4-40GB", "A100 40GB SXM4"),
        ("A100-PCIe", "A100 80GB PCIe"),
        ("H100", "H100 80GB SXM5"),
        ("h100_sxm", "H100 80GB SXM5"),
        ("H100 80GB HBM3", "H100 80GB SXM5"),
        ("H100-PCIe", "H100 80GB PCIe"),
        ("h200_sxm", "H200 141GB SXM"),
        ("GH200-96GB", "GH200 96GB"),
        ("MI250x (1 GCD)", "Instinct MI250X (1 GCD)"),
        ("MI210", "Instinct MI210"),
        ("Groq LPU v1", "Groq LPU v1 (TSP)"),
        ("loihi", "Intel Loihi 2"),
        ("AGX Orin", "Jetson AGX Orin 64GB"),
        ("rtx4090", "RTX 4090"),
        ("xeon platinum", "Xeon Platinum 8480+"),
    ],
)
def test_devices_are_found_as_people_write_them(query: str, name: str) -> None:
    assert find_device(query).name == name


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("GPT-3 175B", "GPT-3 175B (davinci)"),
        ("gpt3 175b", "GPT-3 175B (davinci)"),
        ("GPT-3", "GPT-3 175B (davinci)"),
        ("Mixtral 8x7B", "Mixtral-8x7B"),
        ("meta-llama/Llama-2-7b-hf", "Llama-2-7B"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "Llama-3.1-8B"),
        ("LLaMA v3.1 70B", "Llama-3.1-70B"),
        ("Llama 3.3 70B", "Llama-3.1-70B"),
        ("LLaMA 7B", "LLaMA-7B"),
        ("mistralai/Mixtral-8x7B-v0.1", "Mixtral-8x7B"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "Mistral-7B"),
        ("mistralai/Mistral-Large-Instruct-2407", "Mistral-Large-2407"),
        ("Qwen/Qwen3-235B-A22B-FP8", "Qwen3-235B-A22B"),
        ("google/gemma-2-9b-it", "Gemma-2-9B"),
        ("google/codegemma-1.1-2b", "Gemma-2B"),
        ("microsoft/Phi-3-mini-4k-instruct", "Phi-3-mini"),
        ("deepseek-ai/DeepSeek-R1", "DeepSeek-V3"),
        ("deepseek-ai/DeepSeek-V2-Lite", "DeepSeek-V2-Lite"),
        ("bigscience/bloom", "BLOOM-176B"),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("llama3-8b", "Llama-3-8B"),
        ("Llama-3.1-4", "Llama-3.1-405B"),
    ],
)
def test_models_are_found_as_people_write_them(query: str, name: str) -> None:
    assert find_model(query).name == name


def test_every_record_is_found_by_its_name_and_its_aliases() -> None:
    for device in devices():
        assert all(find_device(name.upper()) == device for name in (device.name, *device.aliases))
    for model in models():
        assert all(find_model(name.lower()) == model for name in (model.name, *model.aliases))


def test_no_two_records_share_a_name() -> None:
    for records, fold_name in ((devices(), fold), (models(), fold_model)):
        owner: dict[str, str] = {}
        for record in records:
            for name in (record.name, *record.aliases):
                assert owner.setdefault(fold_name(name), record.name) == record.name


def test_an_unknown_name_offers_the_three_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no device is called 'H10O'") as refusal:
        find_device("H10O")
    assert len(refusal.value.nearest) == 3
    assert any("H100" in name for name in refusal.value.nearest)
    with pytest.raises(UnknownNameError, match="Mixtral-8x7B"):
        find_model("Mxitral 8x7")


@pytest.mark.parametrize("query", ["Phi-4", "Llama 4", "GPT-5", "Qwen2.5-70B"])
def test_a_model_of_another_generation_is_not_taken_for_this_one(query: str) -> None:
    with pytest.raises(UnknownNameError, match="no model is called"):
        find_model(query)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "H100 80GB SXM5"), ("AMD MI210", "Instinct MI210"), ("TPUv3", "TPU v3"),
        ("nvidia_a40", "A40 48GB"), ("h200_sxm", "H200 141GB SXM"), ("b200_sxm", "B200 180GB SXM"),
    ],
)  # fmt: skip
def test_devices_by_the_names_that_tables_give_them(query: str, name: str) -> None:
    assert find_device(query).name == name


@pytest.mark.parametrize("query", ["H20", "A10", "NVIDIA H20", "NVIDIA"])
def test_the_beginning_of_a_number_is_no_name(query: str) -> None:
    with pytest.raises(UnknownNameError, match="no device is called"):
        find_device(query)


def test_an_ambiguous_name_lists_the_candidates() -> None:
    with pytest.raises(AmbiguousNameError, match=r"TPU v5e, TPU v5p\. Type more"):
        find_device("TPU v5")
    with pytest.raises(AmbiguousNameError, match=r"and \d+ more"):
        find_model("Llama")


def test_no_name_is_said_to_be_missing() -> None:
    with pytest.raises(UnknownNameError, match="no device was named"):
        find_device(" -/ ")


@given(st.text(max_size=60))
def test_any_text_finds_something_or_is_refused_in_words(text: str) -> None:
    for find in (find_device, find_model):
        try:
            found = find(text)
        except UnknownNameError:
            continue
        assert found.name


def test_every_record_carries_source_and_confidence() -> None:
    assert len(devices()) >= 45
    assert len(models()) >= 76
    for record in (*devices(), *models()):
        assert record.source, record.name
        assert record.confidence, record.name
    for device in devices():
        flagged = (*device.estimates, *device.upper_bounds)
        assert all(getattr(device, field) is not None for field in flagged), device.name


def test_recalled_records_look_like_estimates() -> None:
    assert {"fp16_T", "dram_GBs", "tdp_W"} <= set(find_device("RTX 4090").estimates)
    assert find_device("TPU v3").upper_bounds == ("die_mm2",)
    assert find_model("gpt-oss-20b").confidence == "recalled"


def test_what_cannot_run_an_llm_says_why() -> None:
    stopped = {device.name for device in devices() if device.cannot_run}
    assert stopped == {
        "Cerebras WSE-2", "Mythic M1076", "Intel Loihi 2", "Hala Point (1152x Loihi 2)",
        "Samsung HBM-PIM (Aquabolt-XL, 1 stack)", "SK hynix GDDR6-AiM (1 package)", "UPMEM PIM DIMM (8GB)",
    }  # fmt: skip
    for device in devices():
        choice = precision_for(device, 8)
        if device.cannot_run:
            assert len(device.cannot_run.split()) > 8
        else:
            assert choice.rate_T is not None
            assert choice.rate_T > 0
            assert device.sram_bw_TBs or device.dram_GBs


def test_chips_without_dram_keep_weights_on_the_chip() -> None:
    assert {d.name for d in devices() if d.sram_only and not d.cannot_run} == {
        "Groq LPU v1 (TSP)", "Graphcore GC200 (Mk2)", "Graphcore Bow", "IBM NorthPole",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("device", "bits", "activation_bits", "runs", "rate_T", "note"),
    [
        ("A100", 16, 16, "bf16", 312.0, ""),
        ("A100", 8, 8, "int8", 624.0, ""),
        ("A100", 4, 4, "int4", 1248.0, ""),
        ("A100", 4, 16, "bf16", 312.0, "4-bit weights are dequantised to bf16"),
        ("A100", 32, 32, "fp32", 19.5, ""),
        ("H100", 4, 4, "int8", 1978.9, "no 4-bit matrix unit"),
        ("V100", 16, 16, "fp16", 125.0, "no bf16 on this device"),
        ("V100", 8, 8, "fp16", 125.0, "slower than 16-bit"),
        ("Gaudi 2", 8, 8, "fp8", 865.0, "no int8"),
        ("M2 Ultra", 8, 8, "fp16", 27.2, "no 8-bit"),
        ("AGX Orin", 8, 8, "int8", 85.0, "of the 137.5 TOPS"),
        ("B200", 4, 4, "fp4", 9000.0, ""),
        ("NorthPole", 16, 16, "int8", 200.0, "rounded to int8"),
        ("Corsair", 4, 4, "mxint4", 9600.0, ""),
        ("TPU v3", 8, 8, "bf16", 123.0, "no 8-bit"),
    ],
)
def test_formats_and_their_fallbacks(
    device: str, bits: int, activation_bits: int, runs: str, rate_T: float, note: str
) -> None:
    choice = precision_for(find_device(device), bits, activation_bits)
    assert (choice.format, choice.rate_T) == (runs, rate_T)
    assert note in choice.note
    assert bool(note) == bool(choice.note)


def test_published_power_is_taken_and_unpublished_power_is_an_estimated_range() -> None:
    assert power_range_W(find_device("H100"))[:2] == (700.0, 700.0)
    for name in ("TPU v5e", "TPU v5p", "Inferentia2", "Trainium1", "HBM-PIM"):
        device = find_device(name)
        assert device.tdp_W is None
        low, high, reason = power_range_W(device)
        assert 0 < low < high < 20 * low
        assert reason.startswith("estimate: power is unpublished")


def test_the_range_of_a_chip_of_known_power_holds_it() -> None:
    for name in ("A100", "H100", "Gaudi 2", "MI300X"):
        known = find_device(name)
        low, high, _ = power_range_W(msgspec.structs.replace(known, tdp_W=None, tdp_range_W=None))
        assert known.tdp_W is not None
        assert low <= known.tdp_W <= high


def test_power_without_anything_to_go_by_is_refused() -> None:
    alone = Device(name="x", device_class="abacus", vendor="-", year=1990)
    with pytest.raises(ValueError, match="nothing to estimate it from"):
        power_range_W(alone)


def test_examples_load_by_name_and_unknown_ones_are_refused() -> None:
    for name in example_designs():
        assert load_example(name.upper()).blocks
    with pytest.raises(UnknownNameError, match="example design"):
        load_example("no such chip whatsoever")


def test_constants_are_carried_with_their_sources() -> None:
    rows = read_csv("technology/energy_constants.csv")
    assert len(rows) >= 148
    assert all(row["source"] and row["confidence"] for row in rows)


def test_a_missing_resource_is_named() -> None:
    with pytest.raises(ResourceError, match=r"devices/none\.json"):
        read_text("devices/none.json")
