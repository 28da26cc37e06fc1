"""One page: who looks at it, in which language, and how it leaves the server."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from datasets.taxonomy import BY_KEY, CLASSES
from service.accounts.caller import Caller, CallerDep
from service.accounts.permissions import Permission, Role, may
from service.core.api import NowDep
from service.core.errors import Forbidden, RasidError
from service.core.i18n import Language, choose_language, load_translations
from service.web import words
from service.web.formats import Formats

FOLDER = Path(__file__).parent
LANGUAGE_COOKIE = "lang"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # not stricter: browsers then send `Origin: null`, which writes refuse
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Viewer:
    """The signed-in person as the frame of the page shows them."""

    name: str
    role: Role

    def may(self, permission: str) -> bool:
        return may(self.role, Permission(permission))


@dataclass(frozen=True)
class Page:
    request: Request
    language: Language
    viewer: Viewer | None

    def render(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """A whole document; htmx takes the part it asked for out of it."""
        shown = environment(self.language).get_template(template)
        body = shown.render(viewer=self.viewer, path=self.request.url.path, **values)
        return HTMLResponse(body, status, HEADERS)


@dataclass(frozen=True)
class SignedInPage(Page):
    caller: Caller
    now: datetime

    def render(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        return super().render(template, status, now=self.now, caller=self.caller, **values)


def get_public_page(request: Request) -> Page:
    """A page for anyone; it shows who is signed in when the request has come that far."""
    language = choose_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))
    return Page(request, language, getattr(request.state, "viewer", None))


def page_for(permission: Permission) -> Callable[[Request, Caller, datetime], SignedInPage]:
    """A dependency: the page of a signed-in person whose role has the permission."""

    def get_page(request: Request, caller: CallerDep, now: NowDep) -> SignedInPage:
        if caller.user is None:
            raise Forbidden("auth.user", "expected a person's session, got a vehicle's key; sign in")
        viewer = Viewer(caller.user.name, caller.user.role)
        request.state.viewer = viewer  # for the error page
        if not may(caller.role, permission):
            raise Forbidden("auth.permission", f"expected a role that may {permission.value}, got {viewer.role.value}")
        return SignedInPage(request, get_public_page(request).language, viewer, caller, now)

    return get_page


PublicPageDep = Annotated[Page, Depends(get_public_page)]


def see_other(path: str) -> RedirectResponse:
    """Answers a form with the page to look at next, so that reloading it sends nothing again."""
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})


@cache
def environment(language: Language) -> Environment:
    """The templates of one language, compiled once."""
    translations = load_translations(FOLDER / "locale", language)
    env = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.install_gettext_callables(translations.gettext, translations.ngettext, newstyle=True)  # type: ignore[attr-defined]
    formats = Formats(language, translations.gettext)
    for name in ("when", "ago", "span", "percent", "number", "quantity", "measure", "name", "class_name"):
        env.filters[name] = getattr(formats, name)
    env.filters["say"] = lambda code, kind: translations.gettext(getattr(words, kind)[code])
    env.filters["refusal"] = lambda error: refusal_text(error, translations.gettext)
    env.filters["compass"] = words.compass
    env.globals |= {"language": language, "words": words, "classes": CLASSES, "class_of": BY_KEY}
    return env


def refusal_text(error: RasidError, gettext: Callable[[str], str]) -> str:
    """The refusal in words; one that the pages do not know is shown as it came."""
    known = words.REFUSALS.get(error.code)
    return gettext(known) if known else f"{error.code}: {error.detail}"
