"""The adapter that the guide prints sends text messages, and what its gateway refuses is tried again."""

import json
import os
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.clock import utc_now
from service.core.outbound import Call, Unreachable, call
from service.core.runtime import Runtime
from service.reports.channels import NotDelivered
from service.reports.models import Notice, NoticeState
from service.reports.notices import send_notices
from service.reports.people import Person
from service.reports.retries import RETRIES
from tests.guides import run_example
from tests.reports.citizens import report
from tests.webhooks.support import always, receiving


def test_the_adapter_of_the_guide_sends_each_message_once_its_gateway_takes_it(
    session: Session, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {
        "Call": Call,
        "call": call,
        "Unreachable": Unreachable,
        "NotDelivered": NotDelivered,
        "json": json,
        "os": os,
    }
    channel = run_example("integrating.md", "class SmsChannel", **names)["SmsChannel"]
    settings = runtime.settings.model_copy(update={"private_hosts": frozenset({"127.0.0.1"})})
    now = utc_now()
    report(session, runtime, person=Person(phone="0501234567"), now=now)
    report(session, runtime, east_m=900, person=Person(email="ali@example.org"), now=now)  # no telephone
    session.commit()
    with receiving() as gateway:
        monkeypatch.setenv("CITY_SMS_URL", gateway.url)
        monkeypatch.setenv("CITY_SMS_KEY", "k-7")
        ways = {"sms": channel(settings)}
        gateway.answer = always(500)
        first = send_notices(runtime, now, ways)
        assert (first[NoticeState.WAITING], first[NoticeState.DROPPED]) == (1, 1)
        assert "SMS gateway: 500" in {row.error for row in session.scalars(select(Notice))}
        gateway.answer = always(202)
        assert send_notices(runtime, now + RETRIES[0], ways)[NoticeState.SENT] == 1
        assert sum(send_notices(runtime, now + timedelta(days=9), ways).values()) == 0
        bodies = [json.loads(one.body) for one in gateway.got()]
    assert len(bodies) == 2 and bodies[0] == bodies[1] and bodies[0]["to"] == "0501234567"
    assert bodies[0]["id"].startswith("notice-") and bodies[0]["text"]
