"""A card quotes the reports and nothing else."""

import json

import pytest

from datasets.records import Split
from tests.training.trials import SCENES, drawn_pictures, trial
from training.card import TABLES, fill_card
from training.errors import ReleaseError
from training.report import make_report
from training.report_text import as_json

pytestmark = pytest.mark.usefixtures("light")


@pytest.fixture
def reports() -> dict[Split, dict[str, object]]:
    made = {Split.VAL: trial(drawn_pictures(1.0)), Split.TEST: trial(drawn_pictures(0.0), split=Split.TEST)}
    return {split: json.loads(as_json(make_report(one))) for split, one in made.items()}


def test_prose_stays_and_places_become_tables(reports: dict[Split, dict[str, object]]) -> None:
    filled = fill_card("# A\n\n{{headline val}}\n\nSo {{it}} is.\n", reports)
    assert filled.startswith("# A\n\n|class|source|boxes|")
    assert filled.endswith("|\n\nSo {{it}} is.\n")


@pytest.mark.parametrize(("name", "expected"), [("headline val", "1.000"), ("headline test", "0.000")])
def test_each_split_gives_its_own_figures(name: str, expected: str, reports: dict[Split, dict[str, object]]) -> None:
    row = fill_card(f"{{{{{name}}}}}", reports).splitlines()[2]
    assert row.startswith(f"|**mean of the eight**|||**{expected}** [")


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_is_one_of_markdown(name: str, reports: dict[Split, dict[str, object]]) -> None:
    head, rule, *rows = fill_card(f"{{{{{name}}}}}", reports).splitlines()
    assert head.count("|") == rule.count("|")
    assert {row.count("|") for row in rows} <= {head.count("|")}


def test_scores_name_class_source_pictures_and_boxes(reports: dict[Split, dict[str, object]]) -> None:
    assert f"|garbage|smartathon|{SCENES}|{SCENES}|" in fill_card("{{scores test}}", reports)


def test_an_unknown_place_is_refused_with_the_known_ones(reports: dict[Split, dict[str, object]]) -> None:
    with pytest.raises(ReleaseError, match=r"headline test.*got weather"):
        fill_card("{{weather}}", reports)
