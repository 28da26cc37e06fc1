"""Verdicts as labels: what nobody checked stays unknown, and a survey is never torn apart."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer import Typer
from typer.testing import CliRunner

from datasets.errors import DataError
from datasets.records import Split
from datasets.reviews import (
    Outcome,
    ReviewedBox,
    ReviewedFrame,
    SplitShares,
    labelled_classes,
    read_reviews,
    to_record,
    write_tables,
)
from datasets.reviews_cli import from_reviews
from datasets.taxonomy import KEYS

SHARES = SplitShares()
boxes_px = st.tuples(st.floats(0, 300), st.floats(0, 200), st.floats(1, 340), st.floats(1, 280)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
reviewed = st.builds(
    ReviewedBox,
    class_key=st.sampled_from(KEYS),
    box_xyxy_px=boxes_px,
    verdict=st.sampled_from(Outcome),
    looked_at=st.booleans(),
    model_class_key=st.none() | st.sampled_from(KEYS),
)


def box(class_key: str = "pothole", verdict: str = "accepted", **more: Any) -> ReviewedBox:
    told = {"class_key": class_key, "model_class_key": class_key, "looked_at": True} | more
    return ReviewedBox(box_xyxy_px=(64, 48, 128, 96), verdict=Outcome(verdict), **told)


def frame(*boxes: ReviewedBox, checked: tuple[str, ...] = (), frame_id: int = 1, survey_id: int = 7) -> ReviewedFrame:
    return ReviewedFrame(
        frame_id=frame_id, survey_id=survey_id, sha256=f"{frame_id:064x}", media_type="image/jpeg", width=640,
        height=480, checked_classes=list(checked), boxes=list(boxes),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "strict", "weaker"),
    [
        (frame(checked=("pothole",)), {"pothole"}, {"pothole"}),
        (frame(box()), set(), {"pothole"}),
        (frame(box(verdict="rejected")), set(), {"pothole"}),
        (frame(box(looked_at=False)), set(), set()),
        (frame(box(), box(looked_at=False)), set(), set()),
        (frame(box(looked_at=False), checked=("pothole",)), {"pothole"}, {"pothole"}),
        (frame(box(), box(verdict="undecided"), checked=("pothole",)), set(), set()),
        (frame(box("garbage", "reclassified", model_class_key="pothole")), set(), {"garbage", "pothole"}),
        (
            frame(box("garbage", "undecided", model_class_key="pothole"), checked=("garbage", "pothole", "graffiti")),
            {"graffiti"},
            {"graffiti"},
        ),
        (frame(box(verdict="added", model_class_key=None)), set(), {"pothole"}),
        (frame(), set(), set()),
    ],
)
def test_a_class_is_labelled_where_it_was_checked_and_every_box_of_it_is_decided(
    told: ReviewedFrame, strict: set[str], weaker: set[str]
) -> None:
    assert labelled_classes(told, verdicts_count=False) == strict
    assert labelled_classes(told, verdicts_count=True) == weaker


def test_accepted_reclassified_and_drawn_boxes_are_positives_and_rejected_ones_are_not(tmp_path: Path) -> None:
    told = frame(
        box(), box("garbage", "reclassified", model_class_key="graffiti"), box("sand_rubble", "added"),
        box("graffiti", "rejected"), checked=("pothole", "garbage", "graffiti", "sand_rubble"),
    )  # fmt: skip
    image = to_record(told, tmp_path, SHARES, verdicts_count=False)
    assert [one.class_key for one in image.boxes] == ["pothole", "garbage", "sand_rubble"]
    assert image.boxes[0].xyxy_fraction == (0.1, 0.1, 0.2, 0.2)
    assert "graffiti" in image.labelled_classes


@given(st.lists(st.lists(reviewed, max_size=4), max_size=4), st.sets(st.sampled_from(KEYS)), st.booleans())
def test_what_is_written_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, many: list[list[ReviewedBox]], checked: set[str], verdicts_count: bool
) -> None:
    folder = tmp_path_factory.mktemp("reviews")
    told = [frame(*boxes, checked=tuple(checked), frame_id=n, survey_id=n % 2) for n, boxes in enumerate(many, start=1)]
    pairs = [(one, to_record(one, folder, SHARES, verdicts_count)) for one in told]
    write_tables(folder, pairs)
    assert read_reviews(folder) == [image for _, image in pairs]


@given(st.integers(1, 10**6))
def test_a_survey_keeps_its_split_and_all_of_its_pictures_share_it(survey_id: int) -> None:
    images = [
        to_record(frame(frame_id=n, survey_id=survey_id), Path(), SplitShares(0.3, 0.3), False) for n in range(1, 4)
    ]
    assert len({image.split for image in images}) == 1
    assert images[0].split is SplitShares(0.3, 0.3).split_of(f"survey{survey_id}")


def test_the_splits_hold_the_shares_that_were_asked_for() -> None:
    splits = [SplitShares(0.1, 0.2).split_of(f"survey{n}") for n in range(5000)]
    assert splits.count(Split.VAL) / 5000 == pytest.approx(0.1, abs=0.02)
    assert splits.count(Split.TEST) / 5000 == pytest.approx(0.2, abs=0.02)
    assert {SplitShares(0, 0).split_of(f"survey{n}") for n in range(200)} == {Split.TRAIN}


def test_a_folder_of_something_else_and_impossible_shares_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="from-reviews"):
        read_reviews(tmp_path)
    with pytest.raises(DataError, match="shares"):
        SplitShares(0.7, 0.7)
    write_tables(tmp_path, [])
    (tmp_path / "classes.txt").write_text("pothole\nmeteor\n")
    with pytest.raises(DataError, match="meteor"):
        read_reviews(tmp_path)


def test_a_label_row_that_is_broken_names_its_file(tmp_path: Path) -> None:
    told = frame(box(), checked=("pothole",))
    write_tables(tmp_path, [(told, to_record(told, tmp_path, SHARES, False))])
    label = tmp_path / "labels" / f"{told.stem}.txt"
    label.write_text("0 0.5 0.5\n")
    with pytest.raises(DataError, match=label.name):
        read_reviews(tmp_path)


def test_the_command_says_in_a_line_that_nobody_answers(tmp_path: Path) -> None:
    app = Typer()
    app.command()(from_reviews)
    arguments = [str(tmp_path / "out"), "--url", "http://127.0.0.1:9", "--token", "t", "--since", "2026-01-01"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2 and "expected an answer from http://127.0.0.1:9" in done.output
