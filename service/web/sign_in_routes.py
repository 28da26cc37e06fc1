"""The door: signing in by password or by link, signing out, and choosing the language."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from service.accounts import service
from service.accounts.caller import SESSION_COOKIE, CallerDep, refuse_foreign_origin
from service.accounts.permissions import Permission, may
from service.core.api import NowDep, RuntimeDep, SessionDep, limit_host
from service.core.errors import TooManyRequests
from service.core.fields import NO_NUL
from service.core.i18n import Language
from service.core.settings import Settings
from service.web.pages import LANGUAGE_COOKIE, PublicPageDep, see_other

router = APIRouter()
ONE_YEAR_S = 365 * 24 * 3600


@router.get("/")
def home(caller: CallerDep) -> RedirectResponse:
    """Where each role begins its day."""
    return see_other("/review" if may(caller.role, Permission.REVIEW) else "/work-orders")


@router.get("/sign-in")
def show_sign_in(page: PublicPageDep, next: str = "/") -> Response:  # noqa: A002 - the name in the address
    return page.render("sign_in.html", next=local_path(next), problem=None, email="")


@router.post("/sign-in")
def sign_in(
    page: PublicPageDep, request: Request, runtime: RuntimeDep, now: NowDep,
    email: Annotated[str, Form(max_length=254, pattern=NO_NUL)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:  # fmt: skip
    refuse_foreign_origin(request)
    target, lifetime = local_path(next), _lifetime(runtime.settings)
    try:
        limit_host(request, "sign_in", runtime.settings.sign_ins_per_minute)
        with runtime.database.transaction() as session:  # its own: a failed attempt is counted
            token = service.sign_in(session, email, password, now, lifetime)
    except TooManyRequests as error:
        return page.render("sign_in.html", error.status, next=target, problem="locked", email=email)
    if token is None:
        return page.render("sign_in.html", 401, next=target, problem="wrong", email=email)
    return _with_session(see_other(target), token, runtime.settings)


@router.get("/sign-in/link")
def sign_in_by_link(
    page: PublicPageDep, runtime: RuntimeDep, session: SessionDep, now: NowDep, token: str = ""
) -> Response:
    """Opens a session with a link that works once."""
    secret = service.redeem_sign_in_link(session, token, now, _lifetime(runtime.settings))
    if secret is None:
        return page.render("sign_in.html", 401, next="/", problem="link", email="")
    return _with_session(see_other("/"), secret, runtime.settings)


@router.post("/sign-out")
def sign_out(request: Request, caller: CallerDep, session: SessionDep) -> RedirectResponse:
    service.sign_out(session, request.cookies.get(SESSION_COOKIE, ""))
    response = see_other("/sign-in")
    response.delete_cookie(SESSION_COOKIE)
    return response


@router.get("/language/{language}")
def choose_language(language: Language, request: Request) -> RedirectResponse:
    """Keeps the choice and returns to the page where it was made."""
    response = see_other(_page_before(request))
    response.set_cookie(LANGUAGE_COOKIE, language.value, max_age=ONE_YEAR_S, samesite="lax")
    return response


def local_path(path: str) -> str:
    """The path if it stays on this site, else "/": `//host`, `/\\host` and `/<tab>/host` lead elsewhere."""
    local = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if local else "/"


def _page_before(request: Request) -> str:
    try:
        came_from = urlsplit(request.headers.get("referer", ""))
    except ValueError:  # no address at all
        return "/"
    query = f"?{came_from.query}" if came_from.query else ""
    here = came_from.netloc == request.headers.get("host")
    return local_path(came_from.path + query) if here else "/"


def _lifetime(settings: Settings) -> timedelta:
    return timedelta(hours=settings.session_hours)


def _with_session(response: RedirectResponse, token: str, settings: Settings) -> RedirectResponse:
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(_lifetime(settings).total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings.cookie_secure,
    )
    return response
