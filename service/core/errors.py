"""What can go wrong by a caller's doing, and the one table that says which HTTP status each becomes."""


class RasidError(Exception):
    """A refusal with a stable `code`, told as an RFC 9457 problem document.

    `detail` says what was expected, what came and what to do; `extra` holds machine-readable members.
    """

    status = 400
    title = "Bad request"

    def __init__(self, code: str, detail: str, **extra: object) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.extra = code, detail, extra

    def problem(self) -> dict[str, object]:
        return {
            "type": f"urn:rasid:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }


class Unauthenticated(RasidError):
    status, title = 401, "Not signed in"
    challenge = "Bearer"  # of the header WWW-Authenticate


class Forbidden(RasidError):
    status, title = 403, "Not allowed"


class NotFound(RasidError):
    status, title = 404, "Not found"


class Conflict(RasidError):
    """The request is well formed but the thing is in a state that does not permit it."""

    status, title = 409, "Conflict with the present state"


class TooLarge(RasidError):
    status, title = 413, "Too large"


class UnsupportedMedia(RasidError):
    status, title = 415, "Unsupported media type"


class Unprocessable(RasidError):
    status, title = 422, "Content cannot be used"


class TooManyRequests(RasidError):
    status, title = 429, "Too many requests"
