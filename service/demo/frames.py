"""Where the demo's frames come from: drives it renders itself, or the user's own folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets.simulator import Truth, drive, synthetic_track
from service.core.clock import utc_now
from service.surveys.reading import read_upload
from service.surveys.schemas import FrameMetadata

SEED = 2030  # drives 2000-2999 are kept out of every training set
MAX_PIXELS = 100_000_000
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
DRIVES = (("dammam", 2 / 3), ("khobar", 1 / 3))  # town, share of the frames


@dataclass(frozen=True)
class DemoFrame:
    """One image to send, with what the vehicle says of it."""

    town: str
    name: str
    data: bytes
    metadata: FrameMetadata
    truths: tuple[Truth, ...] = ()  # of a rendered frame
    synthetic_position: bool = False


def rendered_frames(count: int) -> Iterator[DemoFrame]:
    """Two drives through simulated towns; place and time travel in the EXIF, as from a real camera."""
    sizes = [round(count * share) for _, share in DRIVES]
    sizes[-1] = count - sum(sizes[:-1])
    for (town, _), size in zip(DRIVES, sizes, strict=True):
        for frame in drive(SEED, size, town):
            yield DemoFrame(town, frame.name, frame.jpeg(), FrameMetadata(survey=f"demo {town}"), frame.truths)


def find_images(folder: Path, limit: int | None) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return paths[:limit]


def own_frames(paths: list[Path]) -> Iterator[DemoFrame]:
    """The user's images; one that carries no place or no time gets a moment of a synthetic drive through Dammam."""
    track = synthetic_track(len(paths), SEED, "dammam")
    for path, moment in zip(paths, track, strict=True):
        data = path.read_bytes()
        survey = FrameMetadata(survey=f"demo {path.parent.name}"[:120])
        upload = read_upload(data, survey, MAX_PIXELS, utc_now())
        if upload.geotag is not None or upload.media_type is None:  # a broken image is sent as it is, to be refused
            yield DemoFrame("dammam", path.name, data, survey)
            continue
        told = survey.model_copy(
            update={
                "lat": moment.lat,
                "lon": moment.lon,
                "captured_at": moment.captured_at,
                "heading_deg": moment.heading_deg,
            }
        )
        yield DemoFrame("dammam", path.name, data, told, synthetic_position=True)
