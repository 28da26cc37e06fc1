"""All pages as one router, and the files they need."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from service.web import (
    absence_routes,
    basemap,
    frame_routes,
    review_routes,
    sign_in_routes,
    split_routes,
    work_order_routes,
)

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
for part in (sign_in_routes, review_routes, work_order_routes, frame_routes, absence_routes, split_routes, basemap):
    router.include_router(part.router)


class PageFiles(StaticFiles):
    """Scripts, styles and fonts; browsers ask each time for changes, so that a new release shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def static_files() -> PageFiles:
    return PageFiles(directory=Path(__file__).parent / "static")
