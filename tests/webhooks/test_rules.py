"""Signatures, retries, addresses, bodies and patterns: rules without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.core.clock import utc_now
from service.webhooks.catalogue import EVENT_TYPES, unknown_patterns
from service.webhooks.payload import MAX_BODY_BYTES, MEDIA_TYPE, Told, render, shareable
from service.webhooks.retries import ATTEMPTS, DELAYS, delay_after
from service.webhooks.signing import new_secret, signed_headers

TOLD = Told(7, datetime(2026, 3, 4, 6, tzinfo=UTC), 1, "user", "work_order", 12, "assign", "open", "assigned", {})
SOURCE = "urn:uuid:00000000-0000-4000-8000-000000000000"


@given(st.text().map(str.encode), st.integers(1, 10**12))
def test_every_message_is_verified_by_the_standards_own_library_with_either_secret(body: bytes, number: int) -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], f"evt_{number}", utc_now(), body)
    for secret in (old, new):
        Webhook(secret).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body + b" ", headers, json_parse=False)


def test_the_retries_are_those_of_the_standard_and_then_it_is_given_up() -> None:
    hours = [0, 5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert [delay.total_seconds() / 3600 for delay in DELAYS] == pytest.approx(hours)
    assert delay_after(1) == timedelta(seconds=5) and delay_after(9) == timedelta(hours=24)
    assert delay_after(ATTEMPTS) is None


@given(st.integers(1, ATTEMPTS - 1), st.floats(0, 1), st.timedeltas(timedelta(0), timedelta(days=90)))
def test_a_retry_comes_no_earlier_than_planned_or_asked_and_within_little_more_than_a_day(
    attempts: int, jitter: float, asked: timedelta
) -> None:
    delay = delay_after(attempts, jitter, asked)
    assert delay is not None
    assert max(DELAYS[attempts], min(asked, timedelta(days=1))) <= delay <= timedelta(hours=26.4)


def test_the_body_is_a_cloud_event_as_their_library_reads_it() -> None:
    event = from_http_event(HTTPMessage({"content-type": MEDIA_TYPE}, render(TOLD, SOURCE)))
    assert (event.get_specversion(), event.get_id(), event.get_source()) == ("1.0", "evt_7", SOURCE)
    assert (event.get_type(), event.get_subject()) == ("sa.rasid.work_order.assign", "work_order/12")
    assert (event.get_time(), event.get_datacontenttype()) == (TOLD.at, "application/json")
    assert event.get_extension("sequence") == "0000000000000000007"
    data = event.get_data()
    assert isinstance(data, dict)
    assert (data["from_state"], data["to_state"], data["actor_kind"]) == ("open", "assigned", "user")


def test_what_a_person_wrote_or_is_called_stays_here() -> None:
    facts = {
        "unit_id": 3, "reason": "position.missing", "due_at": "2026-03-04T09:00:00+00:00", "share": 0.5, "clear": True,
        "boxes": [[1, 2], [3, 4]], "none": None, "before": {"lat": 26.4, "lon": 50.1},
        "note": "call", "reason_text": "Ahmad said so", "reporter_id": 5, "user_id": 9, "contact_phone": "0501234567",
        "number": "966501234567", "mail": "a@example.org", "who": {"email": "x"}, "said": "انتظر", "merged_by": 4,
    }  # fmt: skip
    kept, withheld = shareable(facts)
    assert set(kept) == {"unit_id", "reason", "due_at", "share", "clear", "boxes", "none", "before"}
    assert set(withheld) == set(facts) - set(kept)


WORDS = st.text(st.characters(categories=["Lu", "Lo", "Zs"]), min_size=1)


@given(st.dictionaries(st.text(), st.recursive(WORDS, lambda part: st.lists(part, min_size=1)), min_size=1))
def test_no_sentence_leaves_under_any_name(facts: dict[str, object]) -> None:
    kept, withheld = shareable(facts)
    assert kept == {} and withheld == sorted(facts)


def test_a_body_stays_within_what_every_intermediary_forwards() -> None:
    large = Told(*(vars(TOLD) | {"facts": {"ids": list(range(100_000))}}).values())
    body = render(large, SOURCE)
    assert len(body) < MAX_BODY_BYTES and b'"withheld":["ids"]' in body


def test_patterns_choose_of_the_catalogue_alone() -> None:
    assert unknown_patterns(["*", "work_order.*", "defect.find", *EVENT_TYPES]) == []
    strangers = ["", "**", "work_order", "work_order.", "*.assign", "work_order.fly", "user.*", "sa.rasid.defect.find"]
    assert unknown_patterns(strangers) == strangers
