"""Signatures, retries, addresses, bodies and patterns: rules without a database."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.core.clock import utc_now
from service.core.errors import Unprocessable
from service.webhooks.addresses import read_target, refusal_of
from service.webhooks.catalogue import EVENT_TYPES, unknown_patterns
from service.webhooks.payload import MAX_BODY_BYTES, MEDIA_TYPE, Told, render, shareable
from service.webhooks.retries import ATTEMPTS, DELAYS, delay_after
from service.webhooks.signing import new_secret, signed_headers

TOLD = Told(7, datetime(2026, 3, 4, 6, tzinfo=UTC), 1, "user", "work_order", 12, "assign", "open", "assigned", {})
SOURCE = "urn:uuid:00000000-0000-4000-8000-000000000000"
NOBODY: frozenset[str] = frozenset()


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


PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "192.0.0.1",
    "192.0.2.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2002:7f00:1::", "2002:c0a8:101::1", "fc00::1", "fd12::1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1",
]  # fmt: skip


@pytest.mark.parametrize("text", PRIVATE)
def test_nothing_is_sent_to_an_address_that_is_not_of_the_public_internet(text: str) -> None:
    assert refusal_of(ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1"])
def test_public_addresses_are_taken(text: str) -> None:
    assert refusal_of(ip_address(text)) is None


@given(st.integers(0, 2**32 - 1))
def test_wrapping_an_address_in_ipv6_changes_nothing(number: int) -> None:
    plain = refusal_of(IPv4Address(number)) is None
    wrapped = [(0xFFFF << 32) | number, (0x64FF9B << 96) | number, (0x2002 << 112) | (number << 80)]
    for one in wrapped:
        assert (refusal_of(IPv6Address(one)) is None) is plain


@pytest.mark.parametrize("text", ["224.0.0.1", "0.0.0.0", "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "::"])
def test_even_an_allowed_name_reaches_no_metadata_service(text: str) -> None:
    assert refusal_of(ip_address(text), allowed=True)
    assert refusal_of(ip_address("10.0.0.1"), allowed=True) is None


BAD_URLS = [
    "", "hook", "ftp://example.org/", "http://example.org/", "https://example.org:22/", "https://example.org:80/",
    "https://user:word@example.org/", "https://example.org/#part", "https://127.0.0.1/", "https://[::1]/",
    "https://[::ffff:10.0.0.1]/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/",
    "https://exa mple.org/", "https://example.org\\@10.0.0.1/", "https:///path", "https://example.org/\n",
    "https://example.org/" + "a" * 2000, "https://192.168.0.1.:8443/",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS)
def test_an_address_that_could_reach_inside_is_refused_at_once(url: str) -> None:
    with pytest.raises(Unprocessable, match=r"webhook\.url"):
        read_target(url, NOBODY)


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("http://hooks.internal/x", "hooks.internal"),
        ("http://HOOKS.internal.:9000/x", "hooks.internal"),
        ("http://10.0.0.5:9000/", "10.0.0.5:9000"),
        ("http://[fd12::1]:9000/", "[fd12::1]"),
        ("https://169.254.1.1/", "169.254.1.1"),
    ],
)
def test_the_operator_allows_hosts_by_name(url: str, entry: str) -> None:
    assert read_target(url, frozenset({entry})).allowed
    with pytest.raises(Unprocessable):
        read_target(url, frozenset({"other.internal", "10.0.0.5:9001", "internal"}))


def test_a_public_address_needs_no_permission() -> None:
    target = read_target("https://Example.ORG./hook?x=1", NOBODY)
    assert (target.host, target.port, target.allowed) == ("example.org", 443, False)
    assert read_target("https://example.org:8443/", NOBODY).port == 8443


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
