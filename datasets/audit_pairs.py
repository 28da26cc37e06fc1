"""Pictures that show the same: leaks where they sit in two splits, repeats where they sit in one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.audit_hashing import near_pairs
from datasets.audit_keypoints import count_agreeing, voted_pairs
from datasets.audit_scan import SeenPicture, Watch
from datasets.label_corrections import read_different_scenes
from datasets.records import LabelledImage, Split

# Chosen by looking at pairs of this data in sheets. Across splits, 25 of the 29 pairs with 18 agreeing corners or more
# showed one scene (the other four: different_scenes.csv); of the 54 with 12 to 17 six did, and the two of these with
# near hashes are kept. Hashes alone say little: of the 7 pairs within 6 bits two showed one scene, the others were
# highways and streets of one layout.
NEAR_BITS = 10
LEAST_AGREEING = 18
LEAST_AGREEING_NEAR = 12
LEAST_VOTES = 5
"""Comparing all pairs of six sources found 26 across splits with 18 corners; 22 of these have five votes."""
FEW_CORNERS = 60
SURE_BITS = 3


@dataclass(frozen=True)
class AlikePair:
    """Two pictures of one scene: bits in which their hashes differ, corners that agree."""

    first: LabelledImage
    second: LabelledImage
    bits: int
    agreeing: int

    @property
    def files(self) -> frozenset[tuple[str, str]]:
        """Source and stem of both."""
        return frozenset((image.source, image.image_path.stem) for image in (self.first, self.second))

    @property
    def is_leak(self) -> bool:
        """Whether one of the two was meant to be unseen by what learns from the other."""
        return self.first.split is not self.second.split


def find_alike(seen: Sequence[SeenPicture], watch: Watch) -> list[AlikePair]:
    """Near-identical pictures anywhere, and pictures of one place in different splits; most alike first."""
    hashes = np.array([picture.look_hash for picture in seen], np.uint64)
    splits = np.array([list(Split).index(p.image.split) for p in seen], np.int64)
    candidates = {(first, second) for first, second, _ in near_pairs(hashes, NEAR_BITS)}
    candidates.update(voted_pairs([picture.keypoints for picture in seen], splits, LEAST_VOTES))
    compared = [_compare(seen[first], seen[second]) for first, second in watch(sorted(candidates), "pairs")]
    different = read_different_scenes()
    alike = [pair for pair in compared if pair is not None and pair.files not in different]
    return sorted(alike, key=lambda pair: (-pair.agreeing, pair.bits))


def split_groups(images: Sequence[LabelledImage]) -> list[str]:
    """Scene groups that sit in more than one split, as source/group."""
    homes = {(image.source, image.group, image.split) for image in images}
    counts = Counter((source, group) for source, group, _ in homes)
    return sorted(f"{source}/{group}" for (source, group), splits in counts.items() if splits > 1)


def _compare(first: SeenPicture, second: SeenPicture) -> AlikePair | None:
    """The pair if it shows one scene: by its corners, or by its hash where a picture has too few corners."""
    bits = int(np.bitwise_count(first.look_hash ^ second.look_hash))
    agreeing = count_agreeing(first.keypoints, second.keypoints)
    smooth = min(len(p.keypoints.descriptors) for p in (first, second)) < FEW_CORNERS
    enough = LEAST_AGREEING_NEAR if bits <= NEAR_BITS else LEAST_AGREEING
    if agreeing < enough and not (smooth and bits <= SURE_BITS):
        return None
    return AlikePair(first.image, second.image, bits, agreeing)
