"""The whole machine path of a frame in one readable piece: detect, locate, match, write."""

import time
from datetime import datetime

import structlog

from inference import Detections
from inference.images import ImageRefused, decode_image
from service.accounts.service import camera_of
from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.core.storage import BlobMissing
from service.core.telemetry import BATCH_SECONDS, DETECTIONS, FRAMES_PROCESSED
from service.defects.service import record_sightings
from service.surveys.models import Frame, FrameState
from service.surveys.reading import Refusal
from service.surveys.service import finish_frame, take_batch

log = structlog.get_logger()
