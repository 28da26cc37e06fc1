"""`rasid bench` measures what it says, writes it down, and stores the choice only when asked."""

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from datasets.taxonomy import KEYS
from inference.bench.commands import Spoken, time_commands
from inference.bench.contenders import our_contenders, prepare_peer
from inference.bench.endurance import marks_of
from inference.bench.pictures import drawn_street
from inference.bench.report import BenchReport, EnduranceReport
from inference.bench.variants import gate_passed, variants_of
from inference.bench_cli import bench
from inference.choice import read_choice
from inference.model import Gate, GateScore
from inference.registry import ModelEntry, Registry, load_model
from tests.inference.bench_reports import circumstances
from tests.models import blob_card, write_blob_model

app = typer.Typer()
app.command()(bench)
FEW = ("--rounds", "2", "--images", "4", "--starts", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    write_blob_model(folder / "blobs.onnx")
    (folder / "pictures").mkdir()
    for seed in range(3):
        (folder / "pictures" / f"{seed}.jpg").write_bytes(drawn_street(seed))
    (folder / "pictures" / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    return folder


def run(folder: Path, *arguments: str, model: str | None = None) -> Result:
    """Without the peer: folder/weights is not there."""
    environment = {"RASID_CONFIG_DIR": str(folder / "config"), "RASID_BACKEND": "", "COLUMNS": "200"}
    asked = [*arguments, "--shared", str(folder), "--model", model or str(folder / "blobs.onnx")]
    return CliRunner().invoke(app, asked, env=environment)


def gate(lost: float) -> Gate:
    fp32 = GateScore(sha256="0", ap_50=0.4, false_alarm_frames=0.03)
    return Gate(
        fp32=fp32,
        variant=GateScore(sha256="1", ap_50=0.4 - lost, false_alarm_frames=0.03),
        most_ap_50_lost=0.005,
        most_false_alarm_frames_gained=0.005,
        pictures=100,
        thresholds={},
        measured_at="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture(scope="module")
def measured(folder: Path) -> tuple[BenchReport, str]:
    out = folder / "new" / "bench.json"
    done = run(folder, str(folder / "pictures"), *FEW, "--json", str(out))
    assert done.exit_code == 0, done.output
    return BenchReport.model_validate_json(out.read_bytes()), done.output


def test_every_backend_is_measured_with_what_bounds_it(measured: tuple[BenchReport, str]) -> None:
    report, _ = measured
    rates = {row.key: row.rates for row in report.rows if not row.failed}
    assert {"stream:onnxruntime", "session:onnxruntime", "decode", "arithmetic"} <= rates.keys()
    assert all(len(own) == 2 and min(own) > 0 for own in rates.values())
    row = report.row("stream:onnxruntime")
    assert row is not None
    assert row.input == "320x320"
    assert row.peak_memory_mb is not None
    assert row.peak_memory_mb > 30
    assert row.cold_start_s is not None


def test_the_report_tells_what_was_measured_on_what(measured: tuple[BenchReport, str]) -> None:
    report, _ = measured
    taken = report.circumstances
    assert (taken.model, len(taken.model_sha256)) == ("blobs", 64)
    assert taken.pictures == "3 given pictures as they are"
    assert taken.machine.cores >= 1
    assert "onnxruntime" in taken.versions
    assert (report.images, report.rounds) == (4, 2)


def test_the_table_names_rows_ratios_and_how_to_get_the_peer(measured: tuple[BenchReport, str]) -> None:
    report, output = measured
    assert "rasid, onnxruntime fp32" in output
    assert "decoding alone" in output
    assert "arithmetic limit" in output
    assert report.peer.note in output
    assert "make setup-train" in report.peer.note or "--peer" in report.peer.note


def test_nothing_is_chosen_unasked(measured: tuple[BenchReport, str], folder: Path) -> None:
    assert measured[0].chosen == "stream:onnxruntime"
    assert not (folder / "config").exists()


def test_the_choice_is_stored_when_asked(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blobs.onnx").write_bytes((folder / "blobs.onnx").read_bytes())
    done = run(tmp_path, str(folder / "pictures"), "--choose", *FEW)
    assert done.exit_code == 0, done.output
    monkeypatch.setenv("RASID_CONFIG_DIR", str(tmp_path / "config"))
    choice = read_choice()
    assert choice is not None
    assert choice.backend == "onnxruntime"
    assert choice.model_sha256 == load_model(tmp_path / "blobs.onnx").sha256


def test_the_released_model_runs_on_drawn_streets_of_camera_size(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib for --plot")
    out, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    brief = ("--rounds", "1", "--images", "2", "--starts", "1")
    done = run(tmp_path, "--json", str(out), "--plot", str(plot), *brief, model="rasid-n-0.2")
    assert done.exit_code == 0, done.output
    report = BenchReport.model_validate_json(out.read_bytes())
    bound = report.row("arithmetic")
    assert bound is not None
    assert bound.input == "544x960"
    assert bound.multiply_adds == pytest.approx(3.456e9, rel=0.01)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_endurance_gives_memory_and_cost_at_every_mark(folder: Path) -> None:
    out = folder / "endurance.json"
    done = run(folder, str(folder / "pictures"), "--endurance", "25", "--backend", "onnxruntime", "--json", str(out))
    assert done.exit_code == 0, done.output
    report = EnduranceReport.model_validate_json(out.read_bytes())
    assert [mark.images for mark in report.marks] == [10, 20, 25]
    assert all(mark.peak_memory_mb >= mark.memory_mb > 20 for mark in report.marks)
    assert all(mark.seconds_per_image > 0 for mark in report.marks)


def test_marks_are_one_two_five_and_the_last() -> None:
    assert sorted(marks_of(1200)) == [10, 20, 50, 100, 200, 500, 1000, 1200]
    assert marks_of(3) == {3}


@pytest.mark.parametrize("arguments", [["--model", "no-such-model"], ["no-such-folder"]])
def test_what_cannot_be_measured_is_a_clear_error(arguments: list[str]) -> None:
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert "rasid bench: expected" in refused.output


def test_pictures_that_are_all_broken_are_refused(folder: Path) -> None:
    refused = run(folder, str(folder / "pictures" / "broken.jpg"))
    assert refused.exit_code == 2
    assert "none of the first 1 can" in refused.output


@pytest.mark.parametrize(("lost", "passed"), [(0.004, True), (0.006, False)])
def test_a_variant_needs_a_gate_that_it_passed(lost: float, passed: bool) -> None:
    trained = blob_card("end2end", KEYS, (320, 320))
    variant = trained.model_copy(update={"variant": "int8"})
    assert gate_passed(trained)
    assert not gate_passed(variant)
    assert gate_passed(variant.model_copy(update={"gate": gate(lost)})) is passed


@pytest.mark.parametrize(
    ("flags", "lost", "passed"),
    [
        (("avx2",), None, True),
        (("avx2", "avx512_bf16"), None, False),
        (("avx2", "avx512_bf16"), 0.004, True),
        (("avx2", "avx512_bf16"), 0.006, False),
    ],
)
def test_a_backend_that_counts_in_fewer_bits_is_chosen_only_after_a_gate(
    folder: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], lost: float | None, passed: bool
) -> None:
    machine = circumstances().machine.model_copy(update={"flags": flags})
    monkeypatch.setattr("inference.bench.contenders.installed_backends", lambda: ("onnxruntime", "openvino"))
    monkeypatch.setattr("inference.bench.contenders.describe_machine", lambda: machine)
    model = folder / "blobs.onnx"
    gates = {} if lost is None else {"openvino": gate(lost)}
    entry = ModelEntry(file="", version="1", sha256=load_model(model).sha256, size_bytes=1, backends=gates)
    registry = Registry(default="blobs", models={"blobs": entry})
    monkeypatch.setattr("inference.bench.variants.read_registry", lambda folder: registry)
    found = {one.key: one for one in our_contenders(str(model), "one.jpg", workers=2)}
    assert found["stream:onnxruntime"].gate_passed
    assert found["stream:openvino"].gate_passed is passed


def test_a_path_stands_alone(folder: Path) -> None:
    (only,) = variants_of(str(folder / "blobs.onnx"))
    assert (only.name, only.gate_passed) == ("", True)


def test_a_command_that_fails_says_why_and_the_others_are_timed() -> None:
    good = Spoken("good", (sys.executable, "-c", "pass"))
    bad = Spoken("bad", (sys.executable, "-c", "raise SystemExit('no weights')"))
    missing = Spoken("missing", ("/no/such/command",))
    timed = {one.command: one for one in time_commands([good, bad, missing], 2)}
    assert timed["good"].seconds is not None
    assert timed["good"].seconds.least > 0
    assert timed["bad"].failed is not None
    assert timed["bad"].failed.endswith("no weights")
    assert timed["missing"].failed == "/no/such/command: No such file or directory"


def test_the_peer_without_weights_says_how_to_name_them(tmp_path: Path) -> None:
    peer = prepare_peer(None, "default", tmp_path)
    assert not peer.available
    assert "--peer" in peer.note or "make setup-train" in peer.note
