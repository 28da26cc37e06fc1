"""The catalogue of events is what the code records, no more and no less."""

from service.core.audit import Whose
from service.webhooks.catalogue import EVENT_TYPES, PATTERN, WITHHELD_KINDS
from tests.webhooks.recorded import recorded_types


def test_the_catalogue_lists_every_event_that_the_code_records() -> None:
    recorded, unread = recorded_types()
    open_to_all = {one for one in recorded if one.split(".")[0] not in WITHHELD_KINDS}
    assert unread == [], "tests/webhooks/recorded.py must be able to read the kind and action there"
    assert open_to_all - EVENT_TYPES.keys() == set(), "add these to service/webhooks/catalogue.py"
    assert EVENT_TYPES.keys() - open_to_all == set(), "nothing records these; take them out"
    assert {one.split(".")[0] for one in recorded} >= {"user"}, "the withheld kind is really recorded, and left out"


def test_the_catalogue_is_in_order_and_its_names_can_be_asked_for() -> None:
    import re

    assert list(EVENT_TYPES) == sorted(EVENT_TYPES)
    assert all(re.match(PATTERN, name) for name in EVENT_TYPES)


def test_events_about_people_are_withheld() -> None:
    assert set(Whose) == WITHHELD_KINDS
