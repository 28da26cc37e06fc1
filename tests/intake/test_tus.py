"""The rules of tus 1.0.0, header by header."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import Conflict, RasidError, TooLarge, UnsupportedMedia
from service.intake import tus
from tests.intake.tus_support import told

KEYS = st.from_regex(r"[a-zA-Z_\-]{1,20}", fullmatch=True)


@settings(deadline=None)
@given(st.dictionaries(KEYS, st.text(max_size=50), max_size=8))
def test_metadata_comes_out_as_it_went_in(values: dict[str, str]) -> None:
    assert tus.parse_metadata(told(**values)) == values


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_metadata_header_breaks_the_reader(header: str) -> None:
    try:
        tus.parse_metadata(header)
    except RasidError as refused:
        assert refused.status == 400


def test_a_key_alone_is_an_empty_value_and_spaces_around_pairs_are_nothing() -> None:
    assert tus.parse_metadata("is_confidential, name YQ==") == {"is_confidential": "", "name": "a"}
    assert tus.parse_metadata("") == {}


@pytest.mark.parametrize("header", ["a YQ==,a Yg==", "a YQ", "a not*base64", ",", "ключ YQ==", "a YQ== YQ=="])
def test_metadata_that_breaks_the_grammar_is_refused(header: str) -> None:
    with pytest.raises(RasidError, match=r"tus\.metadata"):
        tus.parse_metadata(header)


def test_metadata_too_long_to_keep_is_refused() -> None:
    with pytest.raises(RasidError, match=str(tus.MAX_METADATA_CHARS)):
        tus.parse_metadata(told(filename="a" * tus.MAX_METADATA_CHARS))


@pytest.mark.parametrize("given", ["-1", "1.5", "", "ten", "+1", "١", "9" * 19, " 1"])
def test_a_length_is_a_plain_number_of_bytes(given: str) -> None:
    with pytest.raises(RasidError, match="upload-length"):
        tus.read_length({"upload-length": given}, 100)


def test_a_length_over_the_limit_is_too_large() -> None:
    assert tus.read_length({"upload-length": "100"}, 100) == 100
    with pytest.raises(TooLarge):
        tus.read_length({"upload-length": "101"}, 100)


@pytest.mark.parametrize("header", ["upload-defer-length", "upload-concat"])
def test_extensions_that_are_not_offered_are_refused_by_name(header: str) -> None:
    with pytest.raises(RasidError, match=header):
        tus.read_length({header: "1", "upload-length": "5"}, 100)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum_is_read_with_its_algorithm(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"hello").digest()
    header = {"upload-checksum": f"{algorithm} {b64encode(digest).decode()}"}
    assert tus.read_checksum(header) == tus.Checksum(algorithm, digest)
    assert tus.read_checksum({}) is None


@pytest.mark.parametrize("header", ["md4 YQ==", "sha1", "sha1 YQ==", "sha1 ***", "", "SHA1 " + "A" * 28])
def test_a_checksum_nobody_can_judge_is_refused(header: str) -> None:
    with pytest.raises(RasidError, match=r"tus\.checksum"):
        tus.read_checksum({"upload-checksum": header})


@pytest.mark.parametrize("version", [{}, {"tus-resumable": "0.2.2"}, {"tus-resumable": "1.0.0, 1.0.0"}])
def test_another_version_is_refused(version: dict[str, str]) -> None:
    with pytest.raises(tus.VersionRefused):
        tus.check_version(version)


def test_only_the_body_type_of_the_protocol_is_taken() -> None:
    tus.check_body_type({"content-type": "Application/Offset+Octet-Stream; charset=x"})
    for wrong in ({}, {"content-type": "application/octet-stream"}):
        with pytest.raises(UnsupportedMedia):
            tus.check_body_type(wrong)


def test_a_body_in_pieces_declares_nothing() -> None:
    assert tus.declared_bytes({"transfer-encoding": "chunked"}) is None
    assert tus.declared_bytes({"content-length": "7"}) == 7
    assert tus.declared_bytes({}) == 0


@settings(deadline=None)
@given(st.integers(0, 9), st.one_of(st.none(), st.integers(0, 9)), st.integers(0, 9), st.integers(0, 9))
def test_bytes_are_taken_only_at_the_next_place_and_within_the_length(
    offset: int, declared: int | None, offset_now: int, length: int
) -> None:
    try:
        tus.check_append(offset, declared, offset_now, length)
    except Conflict as conflict:
        assert offset != offset_now and conflict.extra["offset_bytes"] == offset_now
    except TooLarge:
        assert offset == offset_now and offset + (declared or 0) > length
    else:
        assert offset == offset_now and offset + (declared or 0) <= length


def test_the_method_meant_goes_before_the_one_used() -> None:
    assert tus.asked_method({"x-http-method-override": "patch"}, "POST") == "PATCH"
    assert tus.asked_method({}, "POST") == "POST"


def test_dates_are_told_in_gmt() -> None:
    riyadh = timezone(timedelta(hours=3))
    assert tus.http_date(datetime(2026, 3, 4, 9, 0, tzinfo=riyadh)) == "Wed, 04 Mar 2026 06:00:00 GMT"
    assert tus.http_date(datetime(2026, 3, 4, 6, 0, tzinfo=UTC)) == "Wed, 04 Mar 2026 06:00:00 GMT"
