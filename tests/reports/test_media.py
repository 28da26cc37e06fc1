"""Photos told by address are looked for in the database as it is."""

from service.core.clock import utc_now
from service.core.runtime import Runtime
from service.reports.media import fetch_media


def test_without_photos_to_fetch_nothing_is_fetched(runtime: Runtime) -> None:
    assert fetch_media(runtime, utc_now()) == 0
