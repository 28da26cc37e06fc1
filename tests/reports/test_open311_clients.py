"""Clients that other people wrote read from and write to the running application.

`three` is of 2013 and written for Python 2: it is run with `itertools.ifilter` put back, and its XML, which it cannot
read under Python 3, is taken as it came.
"""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import georeport
import pytest
import uvicorn
from defusedxml.ElementTree import fromstring

from datasets.taxonomy import KEYS
from service.app import create_app
from service.core.runtime import Runtime
from tests.factories import DAMMAM, jpeg


@contextmanager
def serving(runtime: Runtime) -> Iterator[str]:
    """The whole application behind uvicorn, in a thread; the address of its endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(runtime), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/open311/v2"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def endpoint(runtime: Runtime, api_key: str) -> Iterator[str]:
    with serving(runtime) as url:
        yield url


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(itertools, "ifilter", filter, raising=False)
    import three

    return three


@pytest.mark.parametrize("form", ["json", "xml"])
def test_georeport_reads_what_three_has_posted(three: Any, endpoint: str, api_key: str, form: str) -> None:
    writer = three.Three(endpoint, api_key=api_key, format=form, jurisdiction="dammam")
    for code in ("pothole", "standing_water"):
        sent = {"lat": DAMMAM[0], "long": DAMMAM[1], "description": f"{code} بجوار المسجد", "name": "Sara Harbi"}
        if form == "xml":
            writer.convert = lambda content, conversion: content
        answered = writer.post(code, media=BytesIO(jpeg()), **sent)
        number = answered[0]["service_request_id"] if form == "json" else fromstring(answered)[0][0].text
        assert number and number.startswith("dammam-")
    reader = georeport.GeoReport(endpoint, jurisdiction="dammam", output_format=form)
    assert [one["service_code"] for one in reader.get_service_list()] == [*KEYS, "other"]
    attributes = reader.get_service_definition("standing_water")["attributes"]
    assert len(attributes if form == "json" else attributes["attribute"]) == 3
    found = reader.get_service_requests(status="open", service_code="pothole,standing_water")
    assert {one["service_code"] for one in found} == {"pothole", "standing_water"}
    one = reader.get_service_request(number)
    assert one["description"] == "standing_water بجوار المسجد" and float(one["lat"]) == DAMMAM[0]
    assert reader.get_service_requests(service_request_id=number) == ([one] if form == "json" else one)


def test_three_reads_discovery_services_requests_and_tokens(three: Any, endpoint: str, api_key: str) -> None:
    client = three.Three(endpoint, api_key=api_key)
    assert client.discovery()["endpoints"][0]["url"] == endpoint
    assert client.services("pothole")["service_code"] == "pothole"
    told = {"address": "King Saud St", "description": "a tree", "attribute[what]": "a fallen tree"}
    token = client.post("other", **told)[0]["token"]
    assert client.token(token) == [{"service_request_id": None, "token": token}]
    assert client.requests() == [] and client.requests("pothole", count=5) == []
