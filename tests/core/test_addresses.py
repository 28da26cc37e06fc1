"""Which addresses may be called: the public internet's, and what the operator names; no disguise helps the others."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.addresses import read_target, refusal_of
from service.core.errors import Unprocessable

NOBODY: frozenset[str] = frozenset()


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
    with pytest.raises(Unprocessable, match=r"outbound\.url"):
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


@pytest.mark.parametrize("url", ["http://example.org/a.jpg", "http://example.org:8080/", "https://example.org:8443/"])
def test_photos_and_other_endpoints_may_be_read_without_tls(url: str) -> None:
    assert not read_target(url, NOBODY, secure=False).allowed


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://127.1:22/", "http://example.org:25/", "file:///etc/passwd"]
)
def test_without_tls_nothing_else_is_open(url: str) -> None:
    with pytest.raises(Unprocessable, match="outbound"):
        read_target(url, NOBODY, secure=False)
