"""Reads what people fill in, and tries it so that a refusal can be shown in its place."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from service.core.errors import Conflict, NotFound, RasidError, TooLarge, Unprocessable, UnsupportedMedia

SHOWN_IN_PLACE = (Conflict, NotFound, TooLarge, Unprocessable, UnsupportedMedia)


def attempt(session: Session, action: Callable[[], object]) -> RasidError | None:
    """The refusal, with all that the action wrote undone; None when it went well."""
    try:
        with session.begin_nested():
            action()
    except SHOWN_IN_PLACE as refusal:
        return refusal
    return None


def whole_number(text: str) -> int | None:
    """From an address or a form; None for anything that is no id, such as the empty choice of a list."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def plain_text(text: str, code: str, longest: int, *, required: bool = False) -> str | None:
    """A line from a form without its margins; None when it is empty. Raises Unprocessable with the code."""
    text = text.replace("\0", "").strip()
    if len(text) > longest or (required and not text):
        raise Unprocessable(code, f"expected {int(required)} to {longest} characters, got {len(text)}")
    return text or None
