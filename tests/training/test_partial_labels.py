"""What nobody labelled teaches nothing; what is labelled still does."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: torch")
pytest.importorskip("ultralytics", reason="needs the train extra: ultralytics")
from ultralytics.data.augment import Mosaic  # noqa: E402
from ultralytics.utils import DEFAULT_CFG  # noqa: E402

from datasets.export import LABELLED_FILE  # noqa: E402
from training.partial_labels import (  # noqa: E402
    MASK_KEY,
    GroupMosaic,
    LabelledClasses,
    PartialDetectionModel,
    keep_dense_head,
    keep_mosaics_in_group,
)

CLASSES = 3
LABELLED = LabelledClasses({"road.webp": [0, 1], "wall.webp": [2], "other_road.webp": [0, 1]}, CLASSES)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tiny = PartialDetectionModel("yolo26n.yaml", nc=CLASSES, verbose=False)
    tiny.args = DEFAULT_CFG
    return tiny.train()


def batch(im_files: list[str]) -> dict[str, Any]:
    return {
        "img": torch.rand(len(im_files), 3, 64, 64),
        "batch_idx": torch.tensor([0.0]),
        "cls": torch.tensor([[0.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4]]),
        MASK_KEY: LABELLED.mask(im_files),
    }


def score_gradients(model: Any, im_files: list[str]) -> dict[str, Any]:
    """The gradient (B, classes, anchors) of the loss by every score of both heads."""
    inputs = batch(im_files)
    preds = model(inputs["img"])
    for head in preds.values():
        head["scores"].retain_grad()
    model.loss(inputs, preds)[0].sum().backward()
    return {name: head["scores"].grad for name, head in preds.items()}


def test_scores_of_unlabelled_classes_get_exactly_zero_gradient_in_both_heads(model: Any) -> None:
    gradients = score_gradients(model, ["road.webp", "wall.webp"])
    assert gradients.keys() == {"one2many", "one2one"}
    for gradient in gradients.values():
        assert gradient[0, 2].abs().max() == 0
        assert gradient[1, :2].abs().max() == 0


def test_scores_of_labelled_classes_get_a_gradient_at_every_anchor(model: Any) -> None:
    for gradient in score_gradients(model, ["road.webp", "wall.webp"]).values():
        assert gradient[0, :2].abs().min() > 0
        assert gradient[1, 2].abs().min() > 0


def test_a_dense_model_has_one_head_and_masks_it_alike() -> None:
    dense = PartialDetectionModel("yolo26n.yaml", nc=CLASSES, verbose=False)
    dense.args = DEFAULT_CFG
    keep_dense_head(dense)
    inputs = batch(["road.webp", "wall.webp"])
    preds = dense.train()(inputs["img"])
    preds["scores"].retain_grad()
    dense.loss(inputs, preds)[0].sum().backward()
    assert preds["scores"].grad[0, 2].abs().max() == 0
    assert preds["scores"].grad[1, 2].abs().min() > 0


def test_a_resumed_run_goes_on_with_the_balance_of_the_two_heads(model: Any) -> None:
    model.args.epochs = 10
    model.epochs_done = 0
    fresh = model.init_criterion()
    for _ in range(4):
        fresh.update()
    model.epochs_done = 4
    resumed = model.init_criterion()
    assert (resumed.o2m, resumed.o2o, resumed.updates) == (fresh.o2m, fresh.o2o, fresh.updates)


def test_the_mask_is_one_where_the_picture_labels_the_class() -> None:
    assert LABELLED.mask(["a/wall.webp", "b/road.webp"]).tolist() == [[[0, 0, 1]], [[1, 1, 0]]]


def test_labelled_classes_are_read_from_an_exported_folder(tmp_path: Path) -> None:
    (tmp_path / LABELLED_FILE).write_text(json.dumps({"a.webp": [1]}))
    assert LabelledClasses.read(tmp_path, CLASSES).group("x/a.webp") == (1,)


def test_mosaic_partners_label_the_same_classes() -> None:
    files = ["x/road.webp", "x/wall.webp", "x/other_road.webp"]
    dataset = SimpleNamespace(
        im_files=files,
        cache="ram",
        get_image_and_label=lambda index: {"im_file": files[index]},
        transforms=None,
    )
    plain = Mosaic(dataset, imgsz=64, p=1.0)
    dataset.transforms = SimpleNamespace(transforms=[SimpleNamespace(transforms=[plain])])
    keep_mosaics_in_group(dataset, LABELLED, {"road": 1.0, "wall": 1.0, "other_road": 2.0})
    mosaic = dataset.transforms.transforms[0].transforms[0]
    assert isinstance(mosaic, GroupMosaic)
    for first, partners in ((0, {0, 2}), (1, {1})):
        mosaic.current = mosaic.members[LABELLED.group(files[first])]
        assert {index for _ in range(20) for index in mosaic.get_indexes()} == partners


def test_transforms_without_a_mosaic_in_front_are_refused() -> None:
    dataset = SimpleNamespace(transforms=SimpleNamespace(transforms=[SimpleNamespace(transforms=["crop"])]))
    with pytest.raises(TypeError, match="expected Mosaic"):
        keep_mosaics_in_group(dataset, LABELLED, {})
