"""This project's own look at its sources' labels: the boxes it judged, and the pictures it leaves out."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from datasets.errors import DataError
from datasets.records import Split, XyxyFraction
from datasets.sources import Source
from datasets.taxonomy import BY_KEY

CORRECTIONS: Traversable = files("datasets").joinpath("corrections")

Verdicts = Mapping[tuple[str, int], tuple[str, str]]
"""(stem, label row) -> (label name it was given for, verdict)."""


class Action(StrEnum):
    """What a correction does to a label row, or to the picture."""

    REMOVE = "remove"
    RENAME = "rename"
    MOVE = "move"
    ADD = "add"
    IGNORE = "ignore"


@dataclass(frozen=True)
class LabelRow:
    """One label: its line in the label file (None when added), the source's name for it, its box as written.

    class_key is set where a correction names the class; else the source table says what the name means.
    """

    line: int | None
    name: str
    xyxy_fraction: XyxyFraction
    class_key: str | None = None

    def may_be(self, source: Source) -> frozenset[str]:
        """The classes this row can stand for: one, several where the source's name is unclear, none if dropped."""
        if self.class_key is not None:
            return frozenset({self.class_key})
        if self.name in source.class_map:
            return frozenset({source.class_map[self.name]})
        return source.unclear.get(self.name, frozenset())


def _known_class(key: str) -> str:
    if key not in BY_KEY:
        raise ValueError(f"expected a class of the taxonomy, got {key!r}")
    return key


_Empty = BeforeValidator(lambda text: text or None)
_Number = Annotated[Annotated[float, Field(ge=0, le=1)] | None, _Empty]
_Line = Annotated[Annotated[int, Field(ge=0)] | None, _Empty]


class BoxCorrection(BaseModel):
    """One line of corrections/boxes/<source>.csv; the box is in fractions of the whole stored picture.

    class_key is the class that stands there (remove, move), becomes unknown in the picture (ignore; without a row
    when its place is not labelled at all), or is new (rename, add).
    """

    model_config = ConfigDict(frozen=True)

    stem: str = Field(min_length=1)
    split: Split
    row: _Line
    action: Action
    class_key: Annotated[str, AfterValidator(_known_class)]
    x0: _Number
    y0: _Number
    x1: _Number
    y1: _Number
    reason: str = Field(min_length=1)
    source: str | None = None

    @property
    def xyxy_fraction(self) -> XyxyFraction | None:
        """The new box, when one is given."""
        if self.x0 is None or self.y0 is None or self.x1 is None or self.y1 is None:
            return None
        return self.x0, self.y0, self.x1, self.y1

    @model_validator(mode="after")
    def _is_complete(self) -> "BoxCorrection":
        if self.row is None and self.action not in (Action.ADD, Action.IGNORE):
            raise ValueError(f"{self.action} expects a row")
        if self.row is not None and self.action is Action.ADD:
            raise ValueError("add expects no row")
        if self.action in (Action.ADD, Action.MOVE):
            box = self.xyxy_fraction
            if box is None or not (box[0] < box[2] and box[1] < box[3]):
                raise ValueError(f"{self.action} expects x0 < x1 and y0 < y1")
        return self


def read_verdicts(source_name: str) -> Verdicts:
    """(stem, label row) -> (label name it was given for, verdict) from corrections/<source>.csv."""
    table = _read_table(f"{source_name}.csv")
    return {(row["stem"], int(row["row"])): (row["label"], row["verdict"]) for _, row in table}


def read_box_corrections(source_name: str) -> dict[str, tuple[BoxCorrection, ...]]:
    """Stem -> corrections from corrections/boxes/<source>.csv; none when there is no such file."""
    found: dict[str, tuple[BoxCorrection, ...]] = {}
    for line, row in _read_table(f"boxes/{source_name}.csv"):
        where = f"corrections/boxes/{source_name}.csv line {line}"
        correction = _parse_correction(row, where)
        earlier = found.get(correction.stem, ())
        if correction.source not in (None, source_name):
            raise DataError(f"{where}: expected source {source_name}, got {correction.source}; move it to its own file")
        if correction.row is not None and correction.row in {c.row for c in earlier}:
            raise DataError(
                f"{where}: expected one correction a row, got a second for row {correction.row} of {correction.stem}; "
                "a row with a new class and a new box is a remove and an add"
            )
        found[correction.stem] = (*earlier, correction)
    return found


def read_leaks(source_name: str) -> dict[str, str]:
    """Stem -> reason: pictures that show a scene of test, or train pictures of a scene of val (leaks.csv)."""
    return {row["stem"]: row["reason"] for _, row in _read_table("leaks.csv") if row["source"] == source_name}


def read_different_scenes() -> frozenset[frozenset[tuple[str, str]]]:
    """Pairs of (source, stem) that look alike, were looked at and show two places (different_scenes.csv)."""
    table = _read_table("different_scenes.csv")
    return frozenset(frozenset({(r["source"], r["stem"]), (r["other_source"], r["other_stem"])}) for _, r in table)


def apply_verdict(row: LabelRow, stem: str, verdicts: Verdicts) -> LabelRow:
    """The row read as "LABEL:verdict" where there is one; a verdict given for another label is refused."""
    verdict = None if row.line is None else verdicts.get((stem, row.line))
    if verdict is None:
        return row
    if verdict[0] != row.name:
        raise DataError(
            f"expected label {verdict[0]} where a correction stands, got {row.name}; the labels have changed"
        )
    return replace(row, name=f"{row.name}:{verdict[1]}")


def correct_rows(
    rows: Sequence[LabelRow], corrections: Sequence[BoxCorrection], source: Source, split: Split
) -> list[LabelRow]:
    """The rows of one picture after its corrections; one that no longer fits the labels is refused."""
    by_line = {row.line: row for row in rows}
    kept: dict[int | None, LabelRow | None] = dict(by_line)
    added = []
    for correction in corrections:
        _check(correction, by_line.get(correction.row), source, split)
        if correction.action is Action.ADD:
            added.append(_changed(LabelRow(None, "", (0, 0, 0, 0)), correction))
        elif correction.row is not None:
            kept[correction.row] = _changed_row(by_line[correction.row], correction)
    return [row for row in kept.values() if row is not None] + added


def ignored_classes(corrections: Sequence[BoxCorrection]) -> frozenset[str]:
    """The classes that are unknown in a picture by its corrections."""
    return frozenset(c.class_key for c in corrections if c.action is Action.IGNORE)


def _parse_correction(row: dict[str, str], where: str) -> BoxCorrection:
    try:
        return BoxCorrection.model_validate(row)
    except ValidationError as error:
        problem = "; ".join(" ".join((*map(str, e["loc"]), e["msg"])) for e in error.errors())
        raise DataError(f"{where}: {problem}; correct that line") from error


def _changed_row(row: LabelRow, correction: BoxCorrection) -> LabelRow | None:
    if correction.action is Action.REMOVE:
        return None
    return row if correction.action is Action.IGNORE else _changed(row, correction)


def _changed(row: LabelRow, correction: BoxCorrection) -> LabelRow:
    box = None if correction.action is Action.RENAME else correction.xyxy_fraction
    return replace(row, class_key=correction.class_key, xyxy_fraction=box or row.xyxy_fraction)


def _check(correction: BoxCorrection, row: LabelRow | None, source: Source, split: Split) -> None:
    where = f"correction '{correction.action} {correction.class_key}' of {source.name}/{correction.stem}"
    if correction.split is not split:
        raise DataError(f"{where}: expected a picture of {correction.split}, got one of {split}; the splits changed")
    if correction.row is None:
        return
    if row is None:
        raise DataError(f"{where}: expected a label row {correction.row}, got none; the labels have changed")
    stands = row.may_be(source)
    if correction.action is Action.RENAME and stands == {correction.class_key}:
        raise DataError(f"{where}: row {correction.row} is that class already; the labels have changed")
    if correction.action is not Action.RENAME and correction.class_key not in stands:
        raise DataError(
            f"{where}: expected that class at row {correction.row}, got {sorted(stands) or row.name}; "
            "the labels have changed"
        )


def _read_table(name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a CSV file below corrections/; nothing when the file does not exist."""
    path = CORRECTIONS.joinpath(name)
    if not path.is_file():
        return
    table = csv.DictReader(path.read_text("utf-8").splitlines(), restkey="more")
    for row in table:
        if "more" in row or None in row.values():
            raise DataError(
                f"corrections/{name} line {table.line_num}: expected the cells {table.fieldnames}, got {row}; "
                "put quotes round a reason with a comma"
            )
        yield table.line_num, row
