"""What a browser sends and a person reads, without a browser."""

import re
from html import unescape
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response

from service.accounts.caller import SESSION_COOKIE
from service.accounts.models import User
from tests.web.desk import PASSWORD

ORIGIN = "http://testserver"


class Visitor:
    """Follows no redirect, so that a test sees where it leads. English unless the test asks otherwise."""

    def __init__(self, client: TestClient, language: str = "en") -> None:
        self.client = client
        self.headers = {"Accept": "text/html", "Accept-Language": language}

    def get(self, path: str, **headers: str) -> Response:
        return self.client.get(path, headers=self.headers | headers, follow_redirects=False)

    def post(self, path: str, origin: str | None = ORIGIN, files: Any = None, **form: object) -> Response:
        headers = self.headers | ({"Origin": origin} if origin else {})
        data = {name: str(value) for name, value in form.items()}
        return self.client.post(path, headers=headers, data=data, files=files, follow_redirects=False)

    def sign_in(self, user: User, password: str = PASSWORD, next: str = "/") -> Response:  # noqa: A002
        return self.post("/sign-in", email=user.email, password=password, next=next)

    def sign_out(self) -> None:
        self.client.cookies.delete(SESSION_COOKIE)

    def read(self, path: str) -> str:
        """The words of a page, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return words_of(answer)


def words_of(answer: Response) -> str:
    """What a person reads: the text without its tags, spaces as one."""
    shown = re.sub(r"<head>.*?</head>", "", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", shown))).strip()
