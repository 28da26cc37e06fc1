"""The consumer that the guide prints does the work of a message once, however often it is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.core.clock import utc_now
from service.core.database import Database
from service.webhooks.signing import new_secret, signed_headers
from tests.guides import run_example


@dataclass(frozen=True)
class Request:
    body: bytes
    headers: dict[str, str]


class App:
    """A framework that hands on what it is given."""

    def post(self, path: str) -> Callable[[Any], Any]:
        return lambda handler: handler


class Receiving:
    """The consumer's own database, for as long as the connection lives."""

    def __init__(self, connection: Connection) -> None:
        self._raw: Any = connection.connection.driver_connection

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._raw.transaction():
            yield self._raw


def test_the_consumer_of_the_guide_works_once_for_a_message_told_twice(database: Database) -> None:
    secret = new_secret()
    with database.engine.connect() as connection:
        own = Receiving(connection)
        with own.transaction() as t:
            t.execute("CREATE TEMP TABLE heard (source text, id text, PRIMARY KEY (source, id))")
            t.execute("CREATE TEMP TABLE inbox (event bytea)")
        names = {"app": App(), "Webhook": Webhook, "SECRET": secret, "database": own, "json": json}
        receive = run_example("integrating.md", "INSERT INTO heard", **names)["receive"]
        bodies = [json.dumps({"source": "urn:x", "id": f"evt_{number}"}).encode() for number in (1, 2)]
        for body in (bodies[0], bodies[1], bodies[0]):  # the third is the first once more
            headers = signed_headers([new_secret(), secret], json.loads(body)["id"], utc_now(), body)  # while rotating
            assert receive(Request(body, headers)) == 204
        with pytest.raises(WebhookVerificationError):
            receive(Request(bodies[0] + b" ", signed_headers([secret], "evt_1", utc_now(), bodies[0])))
        with own.transaction() as t:
            assert [bytes(row[0]) for row in t.execute("SELECT event FROM inbox")] == bodies
