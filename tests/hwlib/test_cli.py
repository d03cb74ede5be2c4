"""The commands as a user types them: results, JSON alone on standard output, and bad input told in one paragraph."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hwlib.catalog import devices, example_designs, find_model, load_example, models
from hwlib.cli import run
from hwlib.cli_inputs import Subject, subject
from hwlib.design.design import Block, Design, Link, Placement, Settings
from hwlib.design.files import load, save
from hwlib.design.parts import ComputeArray, Dram, Port, Sram, VectorUnit
from hwlib.evaluate import evaluate
from hwlib.workload.scenario import Scenario

ROOT = Path(__file__).parent.parent.parent
A100 = "A100 80GB SXM4"


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """Types commands, and reads what comes back."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def types(self, *arguments: str) -> Done:
        code = run(arguments)
        captured = self._capsys.readouterr()
        return Done(code, captured.out, captured.err)

    def is_told(self, *arguments: str) -> str:
        """The one paragraph that bad input is answered with."""
        done = self.types(*arguments)
        assert done.code == 2
        assert done.out == ""
        assert done.err.startswith("chipscape: ")
        assert done.err.count("\n") == 1
        assert "Traceback" not in done.err
        return done.err


@pytest.fixture
def user(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


# Lists ------------------------------------------------------------------------------------------------------------


def test_models_are_listed_with_their_counts(user: Terminal) -> None:
    rows = {row["name"]: row for row in user.types("models", "--json").json}
    assert len(rows) == len(models())
    llama = rows["Llama-3.1-8B"]
    assert abs(llama["params_recomputed"] / llama["params_published"] - 1) < 0.01
    assert llama["kv_bytes_per_token_fp16"] == 32 * 2 * 8 * 128 * 2
    assert llama["runnable"] is True
    silent = [row for row in rows.values() if not row["runnable"]]
    assert silent
    assert all(row["reason"] and row["kv_bytes_per_token_fp16"] is None for row in silent)
    table = user.types("models").out
    assert all(name in table for name in rows)


def test_devices_are_listed_with_power_or_a_range_for_it(user: Terminal) -> None:
    rows = {row["name"]: row for row in user.types("devices", "--json").json}
    assert set(rows) == {device.name for device in devices()}
    assert rows[A100]["power_W"]["low"] == rows[A100]["power_W"]["high"] == 400.0
    for row in rows.values():
        assert row["runnable"] == (row["reason"] == "")
        power = row["power_W"]
        assert power["low"] is None or power["low"] <= power["high"]
        assert power["source"]
    assert any(row["tdp_W"] is None and row["power_W"]["low"] for row in rows.values())
    table = user.types("devices").out
    assert all(name in table for name in rows)
    assert "1.2e+03" not in table


def test_examples_are_listed(user: Terminal) -> None:
    rows = user.types("examples", "--json").json
    assert [row["name"] for row in rows] == list(example_designs())
    assert all(row["title"] and row["note"] and row["blocks"] for row in rows)
    assert all(row["name"] in user.types("examples").out for row in rows)


def test_lines_of_tables_end_without_spaces(user: Terminal) -> None:
    for command in ("models", "devices", "examples"):
        assert all(line == line.rstrip() for line in user.types(command).out.splitlines())


# What a name means ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [A100, "a100-80gb_sxm4", "A100 80GB SXM"])
def test_a_device_is_found_by_a_folded_name_or_its_beginning(text: str) -> None:
    assert subject(text) == Subject(A100)
    assert subject(text).is_device


def test_a_file_is_meant_where_one_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = load_example(example_designs()[0])
    monkeypatch.chdir(tmp_path)
    save(design, "mine.chip.json")
    save(design, "plain")
    assert subject("mine.chip.json").design == design
    assert subject("plain").design == design
    assert subject(example_designs()[0]).design == design


# Results ----------------------------------------------------------------------------------------------------------


def small_chip(channels: int = 5, with_vector_unit: bool = True) -> Design:
    """A tensor-core chip with HBM3: 17 GB a stack."""
    parts = {
        "mxu": ComputeArray(style="tensor", rows=64, columns=64, count=132, clock_Hz=1.6e9),
        "vec": VectorUnit(lanes=128, count=132),
        "l2": Sram(capacity_bytes=50 * 2**20, banks=64, port_width_bits=1024),
        "hbm": Dram(channels=channels),
        "port": Port(),
    }
    if not with_vector_unit:
        del parts["vec"]
    blocks = tuple(
        Block(id=name, name=name, part=part, placement=Placement(x_m=0.006 * i, y_m=0.006 * i))
        for i, (name, part) in enumerate(parts.items())
    )
    links = tuple(Link(id=f"l2-{name}", source="l2", target=name, width_bits=32768) for name in parts if name != "l2")
    return Design(name="Small chip", settings=Settings(die_width_m=0.04, die_height_m=0.04), blocks=blocks, links=links)


@pytest.fixture
def chip(tmp_path: Path) -> str:
    save(small_chip(), tmp_path / "small.chip.json")
    return str(tmp_path / "small.chip.json")


def test_a_design_is_evaluated(user: Terminal, chip: str) -> None:
    done = user.types("evaluate", chip, "--prompt", "512", "--output", "64", "--batch", "2", "--json")
    assert (done.code, done.err) == (0, "")
    made = done.json
    assert made["fits"] is True
    assert made["model"] == "Llama-3.1-8B"
    assert (made["scenario"]["prompt"], made["scenario"]["output"], made["scenario"]["batch"]) == (512, 64, 2)
    assert made["tokens_per_s"] == pytest.approx(2 / made["tpot_s"])
    assert made["energy_method"]
    assert made["energy_scope"]
    assert sum(made["breakdowns"]["energy"].values()) == pytest.approx(made["energy_per_token_J"])
    assert sum(made["breakdowns"]["time"]["prefill"].values()) == pytest.approx(made["ttft_s"])
    direct = evaluate(load(chip), Scenario(prompt=512, output=64, batch=2), find_model("Llama-3.1-8B"))
    assert made == json.loads(json.dumps(direct.to_json()))


def test_a_result_is_told_in_words(user: Terminal, chip: str) -> None:
    done = user.types("evaluate", chip)
    assert (done.code, done.err) == (0, "")
    for words in (
        "Small chip",
        "Llama-3.1-8B: prompt 2048, output 256, batch 1",
        "(TPOT)",
        "Decode is bound by",
        "DRAM",
    ):
        assert words in done.out


def test_what_does_not_fit_is_a_result_with_a_reason(user: Terminal, chip: str) -> None:
    done = user.types("evaluate", chip, "--model", "GPT-3 175B", "--json")
    assert (done.code, done.err) == (0, "")
    made = done.json
    assert (made["fits"], made["status"], made["tpot_s"], made["energy_per_token_J"]) == (
        False,
        "does_not_fit",
        None,
        None,
    )
    assert "bytes" in made["reason"]
    assert "error" in [finding["severity"] for finding in made["findings"]]
    words = user.types("evaluate", chip, "--model", "GPT-3 175B")
    assert (words.code, words.out.count("does not fit")) == (0, 1)
    more_chips = user.types("evaluate", chip, "--model", "GPT-3 175B", "--tensor-parallel", "8", "--json").json
    assert more_chips["fits"] is True
    assert more_chips["scenario"]["chips"] == 8


def test_a_chip_without_a_unit_for_softmax_cannot_run(user: Terminal, tmp_path: Path) -> None:
    save(small_chip(with_vector_unit=False), tmp_path / "no-vec.chip.json")
    made = user.types("evaluate", str(tmp_path / "no-vec.chip.json"), "--json")
    assert made.code == 0
    assert made.json["status"] == "cannot_run"
    assert "vector unit" in made.json["reason"]


def test_an_empty_die_cannot_run(user: Terminal, tmp_path: Path) -> None:
    save(Design(), tmp_path / "empty.chip.json")
    assert user.types("evaluate", str(tmp_path / "empty.chip.json"), "--json").json["status"] == "cannot_run"
    assert user.types("evaluate", str(tmp_path / "empty.chip.json")).code == 0


def test_several_are_compared_with_ratios_to_the_first(user: Terminal, chip: str, tmp_path: Path) -> None:
    wide = tmp_path / "wide.chip.json"
    save(small_chip(channels=2), wide)
    rows = user.types("compare", chip, str(wide), chip, "--json").json
    assert [row["fits"] for row in rows] == [True, True, True]
    assert [row.pop("comparison")["name"] for row in rows] == ["Small chip", "Small chip (2)", "Small chip (3)"]
    assert rows[0] == rows[2]
    assert rows[1]["tpot_s"] > rows[0]["tpot_s"]
    table = user.types("compare", chip, str(wide)).out
    assert f"×{rows[1]['tpot_s'] / rows[0]['tpot_s']:.3g}" in table


@pytest.mark.parametrize("suffix", [".html", ".csv", ".json"])
def test_a_result_is_written_to_a_file_as_well(user: Terminal, chip: str, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"report{suffix}"
    done = user.types("evaluate", chip, "--out", str(out), "--json")
    assert (done.code, done.err) == (0, "")
    text = out.read_text("utf-8")
    assert (json.loads(text) == done.json) if suffix == ".json" else ("Small chip" in text)
    assert f"Written: {out}" in user.types("compare", chip, chip, "--out", str(out)).out
    assert out.read_text("utf-8").count("Small chip") > text.count("Small chip")


@pytest.mark.parametrize("reference", ["A100 80GB SXM", "a100-80gb_sxm4", A100])
def test_ratios_are_to_the_reference_that_is_named(user: Terminal, chip: str, reference: str) -> None:
    made = user.types("compare", chip, A100, "--reference", reference, "--json").json
    assert [one["comparison"]["reference"] for one in made] == [A100, A100]
    assert made[0]["comparison"]["ratios"]["tpot_s"] == pytest.approx(made[0]["tpot_s"] / made[1]["tpot_s"])
    assert f"× is the ratio to {A100}" in user.types("compare", chip, A100, "--reference", reference).out


def test_the_reference_is_named_by_its_file_or_its_title(user: Terminal, chip: str) -> None:
    for reference in (chip, "Small chip"):
        made = user.types("compare", A100, chip, "--reference", reference, "--json").json
        assert made[0]["comparison"]["reference"] == "Small chip"


def test_a_comparison_tells_what_differs(user: Terminal, chip: str, tmp_path: Path) -> None:
    wide = tmp_path / "wide.chip.json"
    save(small_chip(channels=2), wide)
    lines = [line.split() for line in user.types("compare", chip, str(wide)).out.splitlines()]
    assert ["hbm", "Stacks", "or", "channels", "5", "2"] in lines
    assert "equal in every parameter" in user.types("compare", chip, chip).out
    assert "more: --out FILE.html" in user.types("compare", chip, *example_designs()).out


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        (".html", ("× is the ratio to A100 80GB SXM4", "What differs", "From A100 80GB SXM4 to Small chip", "<svg")),
        (".csv", ("Small chip,Llama-3.1-8B,ratio,A100 80GB SXM4,tpot_s,", "waterfall.energy")),
        (".json", ('"reference": "A100 80GB SXM4"', '"waterfalls"')),
    ],
)
def test_a_comparison_is_written_to_a_file(
    user: Terminal, chip: str, tmp_path: Path, suffix: str, words: tuple[str, ...]
) -> None:
    out = tmp_path / f"comparison{suffix}"
    done = user.types("compare", chip, A100, "--reference", A100, "--out", str(out), "--json")
    assert (done.code, done.err) == (0, "")
    text = out.read_text("utf-8")
    assert all(word in text for word in words)
    assert suffix != ".json" or json.loads(text) == done.json


def test_a_result_that_can_not_be_written_leaves_the_file_from_before(
    user: Terminal, chip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report.html"
    out.write_text("from before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "can't be written: No space left on device" in user.is_told("evaluate", chip, "--out", str(out))
    assert out.read_text() == "from before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "small.chip.json"]


def test_a_name_from_a_file_does_not_steer_the_terminal(user: Terminal, tmp_path: Path) -> None:
    design = msgspec.structs.replace(small_chip(), name="red \x1b[31m\u202echip")
    save(design, tmp_path / "odd.chip.json")
    for done in (
        user.types("evaluate", str(tmp_path / "odd.chip.json")),
        user.types("compare", str(tmp_path / "odd.chip.json"), A100),
    ):
        assert "red �[31m�chip" in done.out
        assert "\x1b" not in done.out
    assert user.types("evaluate", str(tmp_path / "odd.chip.json"), "--json").json["subject"] == design.name


def test_devices_stand_beside_designs(user: Terminal, chip: str) -> None:
    rows = user.types("compare", chip, A100, "--json").json
    assert [(row["is_device"], row["fits"]) for row in rows] == [(False, True), (True, True)]
    assert rows[1]["subject"] == A100
    assert all(row["energy_method"] and row["energy_scope"] for row in rows)


# Bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "Nothing 9000"], "no design file, example or device is called 'Nothing 9000'"),
        (["evaluate", "A100 80GB SXN4"], A100),
        (["evaluate", "TPU"], "fits more than one"),
        (["evaluate", "missing.chip.json"], "missing.chip.json: can't be read: No such file"),
        (["evaluate", "."], "is a folder"),
        (["evaluate", ""], "was named. See"),
        (["evaluate", A100, "--model", "Lama-3.1-8B"], "Llama-3.1-8B"),
        (["evaluate", A100, "--model", "BERT-large"], "BERT-large can't be evaluated"),
        (["evaluate", A100, "--batch", "0"], "--batch is 0; it must be a whole number from 1 to 1,000,000"),
        (["evaluate", A100, "--prompt", "-5"], "--prompt is -5"),
        (["evaluate", A100, "--weight-bits", "64"], "--weight-bits is 64; it must be a whole number from 1 to 32"),
        (["evaluate", A100, "--batch", "many"], "'--batch': 'many' isn't a whole number"),
        (["evaluate", A100, "--batch", "1e3"], "'1e3' isn't a whole number"),
        (["evaluate", A100, "--batch", "nan"], "'nan' isn't a whole number"),
        (["evaluate", A100, "--batch", "9" * 6000], "isn't a whole number"),
        (["evaluate", A100, "--batch", "9" * 30], "--batch is 999"),
        (["evaluate", A100, "--out", "report.pdf"], ".html, .csv or .json"),
        (["evaluate", A100, "--out", "no/such/folder/report.html"], "isn't there"),
        (["evaluate", A100, "--out", "c" * 300 + ".json"], "can't be a file: File name too long"),
        (["evaluate", A100, "--model", ""], "no model was named. See `chipscape models`"),
        (["evaluate", A100, "--no-such-option"], "--no-such-option"),
        (["evaluate"], "DESIGN|DEVICE"),
        (["compare"], "DESIGN|DEVICE"),
        (["compare", A100, "--reference", "H100 80GB SXM5"], "that isn't among what is compared. Name one of: A100"),
        (["compare", A100, "--reference", "Nothing 9000"], "is called 'Nothing 9000'"),
        (["evaluat", A100], "evaluate"),
        (["frobnicate"], "There are: evaluate, compare"),
        (["models", "--jsno"], "--json"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_bad_input_is_told_in_one_paragraph(user: Terminal, arguments: list[str], words: str, as_json: bool) -> None:
    assert words in user.is_told(*arguments, *(["--json"] if as_json and len(arguments) > 1 else []))


def test_a_broken_design_file_is_told_with_its_field(user: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "broken.chip.json"
    path.write_text('{"format": "chipscape-design", "version": 1, "design": {"settings": {"node_nm": 1}}}')
    assert "settings.node_nm is 1; it must be a number from 3 to 130 (in nm)" in user.is_told("evaluate", str(path))


def test_help_and_version_are_results(user: Terminal) -> None:
    for arguments in ([], ["--help"], ["evaluate", "-h"], ["--version"]):
        done = user.types(*arguments)
        assert done.code == 0
        assert done.out
        assert done.err == ""


# In a process of its own ------------------------------------------------------------------------------------------


def chipscape(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hwlib", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **options)


def test_the_library_is_a_program_from_any_folder(tmp_path: Path) -> None:
    done = chipscape("models", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert any(row["name"] == "Llama-3.1-8B" for row in json.loads(done.stdout))
    assert list(tmp_path.iterdir()) == []
    bad = chipscape("evaluate", "nothing", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")


def test_a_terminal_without_unicode_is_no_obstacle(tmp_path: Path) -> None:
    done = chipscape("examples", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr


def test_an_output_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "read-only").touch()
    with open(tmp_path / "read-only", "rb") as unwritable:
        done = subprocess.run(
            [sys.executable, "-m", "hwlib", "models"], stdout=unwritable, stderr=subprocess.PIPE, text=True,
            check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("chipscape: The standard output can't be written: ")


def test_closed_outputs_are_no_obstacle(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    code = "import sys; sys.stdout = sys.stderr = None; from hwlib.cli import main; sys.argv[1:] = {}; main()"
    good = code.format(["evaluate", "A100 80GB SXM4", "--json", "--out", str(out)])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", good], env=environment, check=False).returncode == 0
    assert json.loads(out.read_text())["fits"] is True
    bad = code.format(["evaluate", "nothing of that name"])
    assert subprocess.run([sys.executable, "-c", bad], env=environment, check=False).returncode == 2


def test_a_reader_that_closes_early_is_no_error(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'hwlib', 'models', '--json'], stdout=subprocess.PIPE,"
        " stderr=subprocess.PIPE)\n"
        "p.stdout.read(10); p.stdout.close(); sys.stdout.write(p.stderr.read().decode()); p.wait()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == ""
