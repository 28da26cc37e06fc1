"""HTTP for OGC API - Features: the same endpoints at both doors, at one of them for everyone."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from service.accounts.caller import SecretDep, caller_of_secret
from service.core.api import NowDep, SessionDep, problems
from service.core.errors import NotFound, Unauthenticated
from service.geodata import documents
from service.geodata.asking import only_once, read_asked, read_format
from service.geodata.description import describe, query_parameters
from service.geodata.doors import GEOJSON, OPENAPI, PRIVATE, PUBLIC, Door, answer, find_source, open_to
from service.geodata.fields import Field
from service.geodata.sources import View

_basic = HTTPBasic(auto_error=False, description="any name, and an access token as the password: for GIS programs")
BasicDep = Annotated[HTTPBasicCredentials | None, Depends(_basic)]


class NotSignedIn(Unauthenticated):
    """Names both ways in; GIS programs ask for a password when they are told of Basic."""

    challenge = 'Bearer, Basic realm="Rasid"'


def caller_view(session: SessionDep, now: NowDep, secret: SecretDep, basic: BasicDep) -> View:
    """Of the signed-in caller. Only ever used for reading: a browser sends a remembered password with every request."""
    given = basic.password or basic.username if basic else secret
    caller = caller_of_secret(session, given, now) if given else None
    if caller is None:
        raise NotSignedIn("auth.required", "expected a valid access token, as a bearer token or as the password")
    return View(now, caller)


def public_view(now: NowDep) -> View:
    return View(now)


def make_router(door: Door, view_of: Callable[..., View]) -> APIRouter:
    router = APIRouter(prefix=door.path, tags=["open data" if door.public else "OGC API - Features"])
    add_documents(router, door)
    add_features(router, door, view_of)
    return router


def add_documents(router: APIRouter, door: Door) -> None:
    """What tells nothing of any municipality and so is open to all."""
    refusals = problems(400)

    @router.get("/", include_in_schema=False)
    @router.get("", responses=refusals)
    def get_landing_page(request: Request) -> Response:
        """Where to go from here."""
        _refuse_parameters(request)
        return answer(door, documents.landing(door, _root(request, door)))

    @router.get("/conformance", responses=refusals)
    def get_conformance(request: Request) -> Response:
        """Which parts of the standard are kept to."""
        _refuse_parameters(request)
        return answer(door, documents.conformance())

    @router.get("/api", responses=refusals)
    def get_description(request: Request) -> Response:
        """This door in OpenAPI 3.0, which GIS programs read."""
        _refuse_parameters(request)
        return answer(door, describe(door, _root(request, door)), OPENAPI)


def add_features(router: APIRouter, door: Door, view_of: Callable[..., View]) -> None:
    refusals = problems(400, 404) if door.public else problems(400, 401, 403, 404)
    filters = _filters(door)

    @router.get("/collections", responses=refusals)
    def list_collections(request: Request, session: SessionDep, view: Annotated[View, Depends(view_of)]) -> Response:
        """The collections that the caller may see."""
        _refuse_parameters(request)
        known = [(source.about, source.extent(session, view)) for source in open_to(door, view.caller)]
        return answer(door, documents.collections(_root(request, door), known))

    @router.get("/collections/{collection_id}", responses=refusals)
    def get_collection(
        collection_id: str, request: Request, session: SessionDep, view: Annotated[View, Depends(view_of)]
    ) -> Response:
        """One collection, with its extent."""
        source = find_source(door, view.caller, collection_id)
        _refuse_parameters(request)
        extent = source.extent(session, view)
        return answer(door, documents.collection(_root(request, door), source.about, extent))

    @router.get(
        "/collections/{collection_id}/items",
        responses=refusals,
        openapi_extra={"parameters": query_parameters(*filters)},
    )
    def list_items(
        collection_id: str, request: Request, session: SessionDep, view: Annotated[View, Depends(view_of)]
    ) -> Response:
        """A page of features as GeoJSON; the filters of one collection are unknown to another."""
        source = find_source(door, view.caller, collection_id)
        query = request.query_params.multi_items()
        asked = read_asked(query, source.about.filters)
        features, following = source.page(session, view, asked)
        matched, root = source.count(session, view, asked), _root(request, door)
        page = documents.page(root, source.about, query, features, following, matched, view.now)
        return answer(door, page, GEOJSON)

    @router.get("/collections/{collection_id}/items/{feature_id}", responses=refusals)
    def get_item(
        collection_id: str, feature_id: str, request: Request, session: SessionDep,
        view: Annotated[View, Depends(view_of)],
    ) -> Response:  # fmt: skip
        """One feature."""
        source = find_source(door, view.caller, collection_id)
        _refuse_parameters(request, "json", "geojson")
        feature = source.find(session, view, feature_id)
        if feature is None:
            raise NotFound(
                "feature.unknown", f"expected a feature of {collection_id} that you may see, got {feature_id!a:.80}"
            )
        return answer(door, documents.item(_root(request, door), source.about, feature), GEOJSON)


def _root(request: Request, door: Door) -> str:
    return str(request.base_url).rstrip("/") + door.path


def _refuse_parameters(request: Request, *formats: str) -> None:
    told = only_once(request.query_params.multi_items(), {"f"})
    read_format(told, formats or ("json",))


def _filters(door: Door) -> list[Field]:
    """Of all collections; what one of them restricts to some values, another may not."""
    found: dict[str, Field] = {}
    for source in door.sources.values():
        for name, field in source.about.filters.items():
            known = found.get(name, field)
            choices = tuple(dict.fromkeys((*known.choices, *field.choices)))
            found[name] = Field(name, field.kind, field.told, filters=True, choices=choices)
    return list(found.values())


public_router = make_router(PUBLIC, public_view)
router = make_router(PRIVATE, caller_view)
