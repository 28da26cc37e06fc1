"""Takes docs/images/review-{ar,en}.png of the real pages over rendered frames: `python -m tests.browser.screenshots`.

The boxes are those of the model named by --model, or without one the simulator's own truth, scored by nearness.
"""

import argparse
import itertools
import tempfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select

import service.tables  # noqa: F401 - the whole schema
from datasets.simulator import CameraModel, RenderedFrame, drive
from datasets.taxonomy import KEYS
from inference.detections import Detections
from inference.detector import Detector
from service.accounts.models import User
from service.accounts.permissions import Role
from service.core.clock import utc_now
from service.core.i18n import Language
from service.core.runtime import open_runtime
from service.core.settings import Settings
from service.defects.models import Defect
from service.demo.town import profile_of
from service.pipeline import record_what_was_seen, see
from tests.browser.conftest import DESKTOP, FLAGS, find_chromium, serving
from tests.web.desk import PASSWORD, Desk

SEED, FRAMES = 2005, 60  # drives 2000-2999 are kept out of every training set
COLORS = 72  # a picture of so many looks the same to who reads about the page, and stays under 150 kB
FOLDER = Path("docs/images")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", help="registry name or .onnx file")
    model = arguments.parse_args().model
    detector = Detector.open(model) if model else None
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), worker_in_server=False, privacy="off")
        with open_runtime(settings) as runtime, runtime.database.sessions() as session:
            desk = Desk(session, runtime.store)
            drive_past(desk, detector)
            with serving(runtime) as address:
                take_pictures(address, desk)


def drive_past(desk: Desk, detector: Detector | None) -> None:
    desk.survey.vehicle.camera = profile_of(CameraModel()).model_dump()
    started_at = utc_now() - timedelta(hours=5)
    found = []
    for number, rendered in enumerate(drive(SEED, FRAMES)):
        frame = desk.frame(rendered.pixels, started_at + timedelta(seconds=number), rendered.name)
        frame.lat, frame.lon, frame.heading_deg = rendered.lat, rendered.lon, rendered.heading_deg
        boxes = detector.detect([rendered.pixels])[0] if detector else truth_of(rendered)
        found.append((frame, boxes.width, boxes.height, boxes))
    desk.session.flush()
    name, version = (detector.model.name, detector.model.version) if detector else ("simulator", "ground truth")
    seen = see(desk.session, found)
    record_what_was_seen(desk.session, seen, model_name=name, model_version=version, now=utc_now())
    desk.session.commit()


def truth_of(rendered: RenderedFrame) -> Detections:
    """The exact boxes; the score only says which sighting is the nearest, 1 at the camera and 0 at 100 m."""
    truths = sorted(rendered.truths, key=lambda truth: truth.distance_m)
    return Detections(
        np.array([truth.xyxy_px for truth in truths], np.float32).reshape(-1, 4),
        np.array([max(0.0, 1 - truth.distance_m / 100) for truth in truths], np.float32),
        np.array([KEYS.index(truth.class_key) for truth in truths], np.int64),
        KEYS,
        rendered.pixels.shape[1],
        rendered.pixels.shape[0],
    )


def take_pictures(address: str, desk: Desk) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    user = desk.person(Role.INSPECTOR)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for language, defect_id in zip(Language, before_the_best(desk), strict=False):
            page = browser.new_page(base_url=address, locale=language.value, viewport=DESKTOP)  # type: ignore[arg-type]
            accept(page, user, defect_id)
            save(page.screenshot(), FOLDER / f"review-{language.value}.png")
        browser.close()


def before_the_best(desk: Desk) -> list[int]:
    """The candidates after which the queue shows the potholes that were seen most often."""
    rows = list(desk.session.scalars(select(Defect).order_by(Defect.id)))
    potholes = [pair for pair in itertools.pairwise(rows) if pair[1].class_key == "pothole"]
    return [before.id for before, _ in sorted(potholes, key=lambda pair: -pair[1].sightings_count)]


def accept(page: Page, user: User, defect_id: int) -> None:
    """Signs in and accepts, so that the picture tells what a decision does and shows the next candidate."""
    page.goto("/sign-in")
    page.locator("[name=email]").fill(user.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator(".card button").click()
    page.wait_for_url("**/review")
    page.goto(f"/review?defect={defect_id}")
    page.locator("#accept").click()
    page.locator(".outcome").wait_for()
    page.wait_for_load_state("networkidle")
    page.locator("[data-map][data-drawn]").wait_for()  # the map is drawn


def save(png: bytes, path: Path) -> None:
    picture = Image.open(BytesIO(png)).convert("RGB")
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
