"""A real Chromium against a real server over the real database."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy.orm import Session

from service.app import create_app
from service.core.runtime import Runtime
from service.core.storage import Store
from tests.web.desk import Desk

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 30_000  # of a busy machine: the first page makes all routes
OpenPage = Callable[..., Page]
expect.set_options(timeout=PATIENCE_MS)


class Server(uvicorn.Server):
    """Tells when it answers, so that nobody polls."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup()
        self.ready.set()


@contextmanager
def serving(runtime: Runtime) -> Iterator[str]:
    """The address of the whole application, on a port of its own."""
    server = Server(uvicorn.Config(create_app(runtime), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.ready.wait(20), "expected the server to answer within 20 s"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def find_chromium() -> str | None:
    named = os.environ.get("RASID_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in RASID_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def desk(session: Session, store: Store) -> Desk:
    return Desk(session, store)


@pytest.fixture
def address(runtime: Runtime) -> Iterator[str]:
    with serving(runtime) as address:
        yield address


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[OpenPage]:
    """Opens the service in a window of its own, in a language; no page may report an error in its console."""
    complaints: list[str] = []
    contexts = []

    def open_in(language: str, size: dict[str, int] = DESKTOP, *, silent: bool = False, touch: bool = False) -> Page:
        context = browser.new_context(base_url=address, locale=language, viewport=size, has_touch=touch)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        if not silent:  # a test of failing requests: the browser reports them as errors
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_in
    for context in contexts:
        context.close()
    assert not complaints
