"""How a privacy model is scored, its thresholds chosen, its sheets drawn and its file released."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.records import Split
from inference.privacy import KINDS, PrivacyModel, Region
from inference.registry import read_registry
from tests.datasets.streets import write_source
from tests.models import blob_image
from tests.privacy_models import FACE, PLATE, write_privacy_model
from tests.training.test_privacy_labels import seen
from training.errors import EvaluationError, ReleaseError
from training.privacy.agreement import Labels
from training.privacy.evaluate import evaluate_privacy, run_on_val
from training.privacy.export import rewrite_thresholds
from training.privacy.release import release_privacy
from training.privacy.scoring import Scored, as_markdown, choose, score

SIGN = (400.0, 50.0, 440.0, 80.0)


def plate_region(score: float, x0: float = 100, width: float = 30) -> Region:
    return Region("plate", score, (x0, 100, x0 + width, 110))


def scored(*regions: Region, labels: Labels | None = None, signs: tuple[tuple[float, ...], ...] = ()) -> Scored:
    known = labels or Labels((("plate", (100, 100, 130, 110)),), ())
    return Scored("s/a", 640, 480, known, regions, signs)  # type: ignore[arg-type]


def test_a_plate_is_found_when_blurring_would_cover_most_of_it() -> None:
    assert score("plate", 0.5, [scored(plate_region(0.9, 104))]).found == 1
    assert score("plate", 0.5, [scored(plate_region(0.9, 124))]).found == 0
    assert score("plate", 0.5, [scored(plate_region(0.4))]).found == 0


def test_finds_are_counted_by_size() -> None:
    labels = Labels((("plate", (10, 10, 18, 14)), ("plate", (100, 100, 130, 110)), ("face", (1, 1, 9, 9))), ())
    bands = score("plate", 0.5, [scored(plate_region(0.9), labels=labels)]).bands
    assert [(one.from_px, one.count, one.found) for one in bands if one.count] == [(0, 1, 0), (20, 1, 1)]


def test_a_region_on_a_doubt_is_no_false_alarm_and_one_on_the_street_is() -> None:
    doubt = Labels((), ((300, 100, 330, 110),))
    assert score("plate", 0.5, [scored(plate_region(0.9, 300), labels=doubt)]).false_pictures == 0
    assert score("plate", 0.5, [scored(plate_region(0.9, 500), labels=doubt)]).false_pictures == 1


def test_a_sign_that_would_be_blurred_is_counted() -> None:
    on_sign = Region("plate", 0.9, (405, 55, 425, 65))
    counted = score("plate", 0.5, [scored(on_sign, signs=(SIGN, (0, 0, 40, 40)))])
    assert (counted.signs, counted.signs_touched) == (2, 1)


def test_the_chosen_threshold_is_the_lowest_that_leaves_signs_alone() -> None:
    on_sign = Region("plate", 0.42, (405, 55, 425, 65))
    pictures = [scored(plate_region(0.6), on_sign, signs=(SIGN,))]
    chosen = choose("plate", pictures)
    assert chosen.threshold == pytest.approx(0.45) and chosen.found == 1 and chosen.signs_touched == 0
    assert choose("plate", [scored(plate_region(0.6))]).threshold == pytest.approx(0.05)


def test_the_report_names_every_size_and_the_signs() -> None:
    text = as_markdown([score(kind, 0.5, [scored(plate_region(0.9), signs=(SIGN,))]) for kind in KINDS])
    assert "| plate | 20 | 1 | 1 | 1.00 |" in text and "0 of 1 signs touched" in text


@pytest.fixture
def val(tmp_path: Path) -> Path:
    """One val picture of the Saudi frames with a face, a plate and a labelled sign, and what teachers saw there."""
    sign = "0 0.5 0.1 0.05 0.05\n"
    folder = write_source(tmp_path / "data", "smartathon", ["BAD_BILLBOARD"], {"a": ("g", "val", sign)})
    picture = blob_image({FACE: [(100, 100, 164, 164)], PLATE: [(400, 300, 464, 332)]})
    cv2.imwrite(str(folder / "images/a.webp"), picture, [cv2.IMWRITE_WEBP_QUALITY, 101])
    looked = seen(
        name="smartathon/a", split=Split.VAL, people=((90, 90, 180, 330, 0.9),),
        faces_whole=((100, 100, 164, 164, 0.9),),
        vehicles=((300, 150, 560, 340, 0.9),), plates_close=((400, 300, 464, 332, 0.9),),
    )  # fmt: skip
    runs = tmp_path / "runs/privacy"
    runs.mkdir(parents=True)
    (runs / "seen.jsonl").write_text(looked.model_dump_json() + "\n")
    return tmp_path


def test_val_pictures_are_run_as_the_service_runs_them(val: Path) -> None:
    (one,) = run_on_val(write_privacy_model(val / "m.onnx"), val, val / "runs")
    assert {region.kind for region in one.regions} == {"face", "plate"} and len(one.signs) == 1
    assert [score(kind, 0.5, [one]).found for kind in KINDS] == [1, 1]


def test_evaluation_writes_thresholds_report_and_sheets(val: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.privacy.evaluate.measure_cost", lambda model, pictures: "cost")
    model = write_privacy_model(val / "m.onnx")
    report = evaluate_privacy(model, val, val / "runs", val / "out", choose_thresholds=True)
    assert "1 val pictures" in report and (val / "out/report.md").read_text() == report + "\n"
    assert PrivacyModel.open(model).card.thresholds == {"face": 0.05, "plate": 0.05}
    sheet = cv2.imread(str(val / "out/sheets/face-00.jpg"))
    assert sheet is not None and sheet.shape[2] == 3 and sheet.any()


def test_without_looks_at_val_there_is_nothing_to_score(tmp_path: Path) -> None:
    write_source(tmp_path / "data", "smartathon", ["BAD_BILLBOARD"], {"a": ("g", "val", "")})
    with pytest.raises(EvaluationError, match="rasid privacy label"):
        run_on_val(tmp_path / "m.onnx", tmp_path, tmp_path / "runs")


def test_other_thresholds_in_the_file_leave_the_network_alone(tmp_path: Path) -> None:
    model = write_privacy_model(tmp_path / "m.onnx")
    picture = blob_image({FACE: [(100, 100, 164, 164)]}, strength=0.8)
    before = PrivacyModel.open(model).find(picture)
    assert rewrite_thresholds(model, {"face": 0.2, "plate": 0.3}).thresholds == {"face": 0.2, "plate": 0.3}
    assert PrivacyModel.open(model).find(picture) == before
    rewrite_thresholds(model, {"face": 0.95, "plate": 0.3})
    assert PrivacyModel.open(model).find(picture) == ()


def test_a_released_model_is_opened_by_the_plain_name_and_its_name_is_taken(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text("default: none\nmodels: {}\n")
    (tmp_path / "made").mkdir()
    model, card = write_privacy_model(tmp_path / "made/privacy-0.1.onnx"), tmp_path / "made/card.md"
    card.write_text("# Privacy\n{{report}}\n")
    report = tmp_path / "made/report.md"
    report.write_text(f"recall 0.9 of {PrivacyModel.open(model).card.sha256}\n")
    first = release_privacy(model, card, tmp_path / "made", tmp_path)
    assert release_privacy(model, card, tmp_path / "made", tmp_path) == first
    assert PrivacyModel.open(folder=tmp_path).card.name == "privacy-blobs"
    assert (tmp_path / "privacy-0.1.md").read_text() == f"# Privacy\n{report.read_text()}"
    changed = rewrite_thresholds(model, {"face": 0.9, "plate": 0.9})
    with pytest.raises(ReleaseError, match="evaluate this file"):
        release_privacy(model, card, tmp_path / "made", tmp_path)
    report.write_text(PrivacyModel.open(model).card.sha256)
    assert changed.name == "privacy-blobs"
    with pytest.raises(ReleaseError, match="raise the version"):
        release_privacy(model, card, tmp_path / "made", tmp_path)
    other = write_privacy_model(tmp_path / "made/other.onnx")
    with pytest.raises(ReleaseError, match="privacy-"):
        release_privacy(other, card, tmp_path / "made", tmp_path)
    assert list(read_registry(tmp_path).models) == ["privacy-0.1"]
    assert np.isfinite(list(PrivacyModel.open(folder=tmp_path).card.thresholds.values())).all()
