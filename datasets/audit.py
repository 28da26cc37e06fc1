"""`rasid data audit`: what the labelled pictures are worth, before a detector learns from them or is scored on them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datasets.audit_counts import (
    BoxSizes,
    ClassCount,
    CorrectionCount,
    LicenceCount,
    PictureCount,
    count_classes,
    count_corrections,
    count_pictures,
    list_licences,
    measure_boxes,
)
from datasets.audit_pairs import AlikePair, find_alike, split_groups
from datasets.audit_problems import Finding, find_problems
from datasets.audit_scan import SeenPicture, Watch, scan
from datasets.reading import read_pictures, read_sources
from datasets.records import LabelledImage
from datasets.sources import SOURCES, Source


@dataclass(frozen=True)
class Audit:
    """Everything one audit found."""

    pictures: list[PictureCount]
    classes: list[ClassCount]
    box_sizes: list[BoxSizes]
    alike: list[AlikePair]
    split_groups: list[str]
    findings: list[Finding]
    corrections: list[CorrectionCount]
    licences: list[LicenceCount]

    @property
    def leaks(self) -> list[AlikePair]:
        """Pairs of one scene in two splits."""
        return [pair for pair in self.alike if pair.is_leak]

    @property
    def repeats(self) -> list[AlikePair]:
        """Near-identical pairs inside one split."""
        return [pair for pair in self.alike if not pair.is_leak]

    def repeated_share(self) -> dict[str, float]:
        """Source/split -> share of its pictures that have a near-identical one beside them."""
        repeated = {image.name: image for pair in self.repeats for image in (pair.first, pair.second)}
        return {
            f"{home.source}/{home.split}": round(
                sum((i.source, i.split.value) == (home.source, home.split) for i in repeated.values()) / home.pictures,
                4,
            )
            for home in self.pictures
        }

    def as_json(self) -> dict[str, Any]:
        """The audit in plain values."""
        return {
            "pictures": [asdict(count) for count in self.pictures],
            "classes": [asdict(count) for count in self.classes],
            "box_sizes": [asdict(sizes) for sizes in self.box_sizes],
            "leaks": [_pair_json(pair) for pair in self.leaks],
            "split_groups": self.split_groups,
            "repeats": [_pair_json(pair) for pair in self.repeats],
            "repeated_share": self.repeated_share(),
            "findings": [asdict(finding) for finding in self.findings],
            "corrections": [asdict(count) for count in self.corrections],
            "licences": [asdict(count) for count in self.licences],
        }


def audit(data: Path, watch: Watch, sources: Sequence[Source] = SOURCES) -> tuple[Audit, list[SeenPicture]]:
    """The audit of the corrected data, as training reads it, and the opened pictures for plots."""
    images = read_sources(data, sources)
    present = [source for source in sources if (data / source.name).is_dir()]
    homes = {
        (source.name, picture.image_path.stem): picture.split.value
        for source in present
        for picture in read_pictures(data / source.name, source, corrected=False)
    }
    seen = scan([image for image in images if image.image_path.exists()], watch)  # a missing one is a finding
    found = Audit(
        pictures=count_pictures(seen),
        classes=count_classes(images),
        box_sizes=measure_boxes(seen),
        alike=find_alike(seen, watch),
        split_groups=split_groups(images),
        findings=list(_find_all_problems(data, present, seen)),
        corrections=count_corrections(homes),
        licences=list_licences(images),
    )
    return found, seen


def _find_all_problems(data: Path, present: Sequence[Source], seen: Sequence[SeenPicture]) -> Iterator[Finding]:
    for source in present:
        sizes_px = {p.image.image_path.stem: p.stored_px for p in seen if p.image.source == source.name}
        yield from find_problems(data / source.name, source, sizes_px)


def _pair_json(pair: AlikePair) -> dict[str, Any]:
    return {
        "first": _picture_json(pair.first),
        "second": _picture_json(pair.second),
        "bits": pair.bits,
        "agreeing": pair.agreeing,
    }


def _picture_json(image: LabelledImage) -> dict[str, str]:
    return {
        "source": image.source,
        "split": image.split.value,
        "group": image.group,
        "stem": image.image_path.stem,
    }
