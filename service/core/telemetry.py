"""What operators read: one-line structured logs and Prometheus metrics."""

import logging
import sys

import structlog
from prometheus_client import Counter, Histogram

FRAMES_RECEIVED = Counter("rasid_frames_received_total", "Frames that arrived", ["outcome"])  # new | again | refused
FRAMES_PROCESSED = Counter("rasid_frames_processed_total", "Frames the worker finished", ["outcome"])
DETECTIONS = Counter("rasid_detections_total", "Boxes above the model's thresholds", ["class_key"])
BATCH_SECONDS = Histogram("rasid_batch_seconds", "Time to process one batch of frames")
WEBHOOK_ATTEMPTS = Counter("rasid_webhook_attempts_total", "Webhook requests", ["outcome"])  # delivered | failed | dead
NOTICES = Counter(
    "rasid_notices_total", "Messages to reporters; a try that failed is failed_try", ["channel", "outcome"]
)
REQUEST_SECONDS = Histogram("rasid_http_request_seconds", "Time to answer", ["method", "route", "status"])


def configure_logging(*, json_lines: bool | None = None) -> None:
    """JSON lines for machines, coloured text at a terminal; both on standard error."""
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),  # as it is then: whoever replaced it may close it
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
