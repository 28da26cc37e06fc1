"""What the server's answers mean to the agent: go on, try again later, give the file up, or stop."""

import json
from datetime import datetime
from typing import Any

import httpx2

from service.agent.pace import retry_after_s

AGAIN_LATER = {408, 423, 425, 429, 507}
WRONG_DOOR = {404, 405, 410, 501}


class LinkError(Exception):
    """The file did not arrive this time and may the next time. `retry_after_s` is the server's wish."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class WrongServer(LinkError):
    """What answers is not Rasid, or not one we may trust; waiting helps only where a network is entered on the way."""


class KeyRefused(Exception):
    """Nothing more can be sent with this key."""


class FileRefused(Exception):
    """The server has said why it will not have this file; sending it again unchanged would change nothing."""

    def __init__(self, code: str, detail: str, frame_id: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.frame_id = code, detail, frame_id


class Stopped(Exception):
    """The agent was asked to end."""


def problem_of(response: httpx2.Response) -> dict[str, Any] | None:
    """The RFC 9457 problem document with a code of Rasid's; None for what a proxy or a hotspot says."""
    if "problem+json" not in response.headers.get("content-type", ""):
        return None
    try:
        body = json.loads(response.content)
    except ValueError:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("code"), str) else None


def check_common(response: httpx2.Response, now: datetime) -> None:
    """Raises what any request may meet: a refused key, a server that asks for patience, an answer of another kind.

    A refusal of the key counts only from Rasid itself: a hotspot's log-in page must not end the agent for good.
    """
    status, problem = response.status_code, problem_of(response)
    if status in {401, 403}:
        if problem or "problem+json" in response.headers.get("content-type", ""):  # an answer to HEAD has no body
            detail = (problem or {}).get("detail", "key unknown or revoked")
            raise KeyRefused(f"the server refuses this key ({status}): {detail}; ask for a new key and run again")
        raise WrongServer(f"expected Rasid, got {status} from something before it; check the address and the network")
    if status in AGAIN_LATER or status >= 500:
        said = f": {problem['detail']}" if problem and "detail" in problem else ""
        raise LinkError(f"the server answers {status}{said}", retry_after_s(response.headers.get("retry-after"), now))
    if 300 <= status < 400:
        raise WrongServer(f"expected Rasid, was sent on to {response.headers.get('location', '?')}; check the address")


def refusal_of(response: httpx2.Response) -> FileRefused | LinkError:
    """What a 4xx says of the file itself; one without Rasid's reason is not Rasid's word, and the file waits on."""
    problem = problem_of(response)
    if problem is None:
        return LinkError(f"expected Rasid's reason, got {response.status_code} without one from something before it")
    frame_id = problem.get("frame_id")
    detail = str(problem.get("detail", "the server gave no more than the code"))
    return FileRefused(problem["code"], detail, frame_id if isinstance(frame_id, int) else None)
