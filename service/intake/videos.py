"""Turns a video into frames, one every so many metres, each with the place and the time the vehicle had then.

Positions come from the camera's own telemetry (GPMF) or from the survey's track. The start of the video is never
guessed: GPS time tells it, or the sender does; cameras write local time into creation_time, which the standard defines
as UTC, so it decides nothing.
"""

from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import cv2
import structlog
from pydantic import Field

from service.core.tables import JsonObject
from service.intake.gpmf import GpsPoint, read_gps
from service.intake.mp4 import MovieTrack, read_tracks
from service.intake.pieces import ArchiveRefused, Contents, Picture, Piece, Spoilt
from service.intake.sections import Section, Stop, clip, place_at, split_sections, stops_every, usable
from service.surveys.schemas import FrameMetadata
from service.surveys.track_points import TrackPoint

log = structlog.get_logger()
SpacingM = Annotated[float, Field(ge=0.5, le=1_000, description="of a video: metres between two frames")]
JPEG_QUALITY = 92
DECODE_THREADS = 4  # each holds frames of its own: a 5.3K frame is 24 MB


@dataclass(frozen=True)
class Drive:
    """What is known of a video beside the file: how dense its frames shall be, when it began, where the survey went."""

    name: str
    spacing_m: float
    begun_at: datetime | None = None  # as the sender told
    track: Sequence[TrackPoint] = ()  # of the survey, ascending


def read_video(path: Path, start: int, drive: Drive, max_pixels: int, max_frames: int) -> Contents:
    """The frames from the `start`-th on. Raises ArchiveRefused with what to send when the video cannot be placed."""
    with path.open("rb") as file:
        tracks = read_tracks(file)
        picture = _picture_track(tracks, max_pixels)
        sections, notes = _sections(file, tracks, drive)
    length_s, last_s = float(picture.durations_s.sum()), float(picture.starts_s[-1])
    sections = [inside for section in sections if (inside := clip(section, 0.0, last_s))]
    if not sections:
        raise _outside(drive)
    stops = _apart(stops_every(sections, drive.spacing_m), length_s / len(picture.sizes))
    if len(stops) > max_frames:
        raise ArchiveRefused(
            "video.too_many_frames",
            f"expected at most {max_frames} frames, got {len(stops)}; retry with a larger spacing_m",
        )
    notes["unplaced_s"] = round(max(0.0, last_s - sum(section.length_s for section in sections)), 1)
    notes["sections"] = len(sections)
    return Contents(len(stops), _frames(path, drive.name, stops[start:], max_pixels), notes)


def _picture_track(tracks: list[MovieTrack], max_pixels: int) -> MovieTrack:
    """The video track, its size looked at before any decoder sees the file."""
    track = next((track for track in tracks if track.kind == "vide"), None)
    if track is None or not len(track.sizes):
        raise ArchiveRefused("video.no_picture", "expected a video track with frames, got none; send another file")
    if not 0 < track.width * track.height <= max_pixels:
        raise ArchiveRefused(
            "video.too_many_pixels",
            f"expected frames of at most {max_pixels} pixels, got {track.width} x {track.height} in the index",
        )
    return track


def _sections(file: BinaryIO, tracks: list[MovieTrack], drive: Drive) -> tuple[list[Section], JsonObject]:
    """From the telemetry where it ever had a fix, else from the survey's track."""
    telemetry = next((track for track in tracks if track.format == "gpmd"), None)
    points = read_gps(file, telemetry) if telemetry else []
    unusable: Counter[str] = Counter()
    kept = []
    for point in points:
        if reason := usable(point):
            unusable[reason] += 1
        else:
            kept.append(point)
    notes: JsonObject = {"placed_by": "gpmf", "points": len(points), "points_unused": dict(unusable)}
    sections = split_sections(_dated(kept, drive.begun_at))
    if not sections:
        sections, notes["placed_by"] = split_sections(_from_track(drive, len(points))), "track"
    return sections, notes


def _outside(drive: Drive) -> ArchiveRefused:
    begun = f" that begins at {drive.begun_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if drive.begun_at else ""
    return ArchiveRefused(
        "video.outside_track",
        f"expected a track that covers the video{begun}, got none that does; send the track to the same survey or "
        "tell another captured_at, then retry",
    )


def _dated(points: list[GpsPoint], begun_at: datetime | None) -> list[GpsPoint]:
    """Telemetry without GPS time is dated by the told start; without that either the video is refused."""
    if not points or points[0].at_s is not None:
        return points
    if begun_at is None:
        raise ArchiveRefused(
            "video.no_time",
            "expected GPS time in the telemetry, got positions alone; retry with captured_at, the video's start with "
            "its zone",
        )
    return [replace(point, at_s=begun_at.timestamp() + point.video_s) for point in points]


def _from_track(drive: Drive, telemetry_points: int) -> list[GpsPoint]:
    if not drive.track:
        got = f"{telemetry_points} points without a usable fix" if telemetry_points else "no telemetry"
        raise ArchiveRefused(
            "video.no_position",
            f"expected a GPMF track with a fix or a GPX of the survey, got {got}; send the GPX to the same survey, "
            "then retry with captured_at, the video's start with its zone",
        )
    if drive.begun_at is None:
        raise ArchiveRefused(
            "video.no_start",
            "expected captured_at, the video's start with its zone, because only a track places it and cameras write "
            "local time as UTC into creation_time; retry with captured_at",
        )
    begun_s = drive.begun_at.timestamp()
    timed = ((point.at.timestamp(), point) for point in drive.track)
    return [GpsPoint(at_s - begun_s, one.lat, one.lon, None, one.gps_dop, at_s, one.gps_sd_m) for at_s, one in timed]


def _apart(stops: list[Stop], frame_s: float) -> list[Stop]:
    """Without those that would show the same frame as the one before."""
    shown: dict[int, Stop] = {}
    for stop in stops:
        shown.setdefault(int(stop.video_s / frame_s + 0.5), stop)
    return list(shown.values())


def _frames(path: Path, name: str, stops: list[Stop], max_pixels: int) -> Generator[Piece, None, None]:
    """Decodes from the beginning, which gives the same pixels every time, and encodes the frames that are due."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, DECODE_THREADS])
    waiting = deque(stops)
    try:
        half_s = 0.5 / max(capture.get(cv2.CAP_PROP_FPS), 1.0)
        while waiting and capture.grab():
            shown_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            while waiting and waiting[0].video_s < shown_s + half_s:
                yield _picture(
                    capture, f"{name} {shown_s:010.3f} s.jpg", waiting.popleft().section, shown_s, max_pixels
                )
    except cv2.error as error:
        log.warning("video.decoder_failed", path=path.name, error=str(error))
    finally:
        capture.release()
    for stop in waiting:
        yield Spoilt(f"{name} {stop.video_s:010.3f} s", "video.undecodable")


def _picture(capture: cv2.VideoCapture, name: str, section: Section, shown_s: float, max_pixels: int) -> Piece:
    decoded, pixels = capture.retrieve()
    if not decoded or pixels.shape[0] * pixels.shape[1] > max_pixels:
        return Spoilt(name, "video.undecodable")
    encoded, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        return Spoilt(name, "video.undecodable")
    place = place_at(section, shown_s)
    told = FrameMetadata(
        lat=place.lat,
        lon=place.lon,
        captured_at=datetime.fromtimestamp(place.at_s, UTC),
        heading_deg=place.heading_deg,
        gps_dop=place.dop,
        gps_sd_m=place.sd_m,
    )
    return Picture(name, jpeg.tobytes(), told)
