"""A training configuration says everything, and nothing else."""

from pathlib import Path

import pytest

from training.config import read_config
from training.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
LEAST = "name: tiny\nweights: weights/none.pt\nepochs: 2\n"


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_of_the_project_is_valid(path: Path) -> None:
    assert read_config(path).name == path.stem


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("epoch: 3", "epoch"),
        ("image_size: 641", "image_size"),
        ("mosaic: 2", "mosaic"),
        ("minutes: 0", "minutes"),
    ],
)
def test_an_unknown_key_or_impossible_value_is_refused_by_name(tmp_path: Path, line: str, named: str) -> None:
    with pytest.raises(ConfigError, match=rf"tiny\.yaml.*{named}"):
        read(tmp_path, LEAST + line)


def test_a_file_that_is_not_a_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a training configuration"):
        read(tmp_path, "- just\n- a list\n")
