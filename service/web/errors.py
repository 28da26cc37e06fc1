"""What a person sees when something cannot be done: a page with words; programs get problem documents."""

from urllib.parse import quote

from fastapi import Request, Response

from service.core.errors import RasidError
from service.web.pages import get_public_page, see_other


class UnknownPageError(RasidError):
    status, title = 404, "Not found"


class FaultError(RasidError):
    """A fault of ours; the log has the traceback."""

    status, title = 500, "Internal error"


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page, not a program for data."""
    return not request.url.path.startswith(("/api/", "/ogc")) and "text/html" in request.headers.get("accept", "")


def error_page(request: Request, error: RasidError) -> Response:
    """The refusal as a page, or the way to the sign-in page for a visitor who is not signed in."""
    if error.status == 401:
        return _to_sign_in(request)
    return get_public_page(request).render("error.html", error.status, error=error)


def _to_sign_in(request: Request) -> Response:
    """Back to the page that was asked for; a form cannot be sent again, so back to the start."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    path = "/sign-in" + (f"?next={quote(wanted)}" if request.method == "GET" and wanted != "/" else "")
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": path, "Cache-Control": "no-store"})
    return see_other(path)
