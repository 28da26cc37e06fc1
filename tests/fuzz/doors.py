"""Sends a case by its way in, as a vehicle does, and says in one word what the service made of it."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import httpx2

from tests.fuzz.cases import Case
from tests.fuzz.originals import sound_picture

ANSWERS_WITHIN_S = 600  # a picture of 50 megapixels takes seconds, on a machine with other work minutes
TUS = {"Tus-Resumable": "1.0.0"}
ACCEPTED, AGAIN, ENDED = "accepted", "again", "ended by the sender"


@dataclass(frozen=True)
class Answer:
    """What became of a case: a code, the archive still to be waited for, and the fault where it is the service's."""

    code: str
    archive_id: int | None = None
    fault: str | None = None


class Doors:
    """One vehicle's sender; `url` is the server's."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx2.Client(base_url=url, headers=headers, timeout=ANSWERS_WITHIN_S)
        self._upload_set = ""
        self._ways: dict[str, Callable[[Case], Answer]] = {
            "multipart": self._multipart,
            "panoramax": self._panoramax,
            "archive": self._archive,
            "track": self._track,
            "tus": self._tus,
        }

    def send(self, case: Case) -> Answer:
        try:
            return self._ways[case.way](case)
        except httpx2.TimeoutException:
            return Answer("no answer", fault=f"no answer within {ANSWERS_WITHIN_S} s")
        except httpx2.HTTPError as error:
            return Answer("no answer", fault=f"the connection ended: {error!r}")

    def archive(self, archive_id: int) -> Answer | None:
        """What an archive ended as; None while it waits."""
        row = self._client.get(f"/api/v1/archives/{archive_id}").json()
        if row["state"] == "received":
            return None
        if row["state"] == "unpacked":
            return Answer("accepted in part" if row["entries"]["refused"] else ACCEPTED)
        gave_up = "archive.gave_up" in {row["reason_code"], *row["entries"]["refused"]}
        return Answer(row["reason_code"], fault="unpacking gave up" if gave_up else None)

    def ready(self) -> bool:
        return self._client.get("/readyz").status_code == 200

    def _multipart(self, case: Case) -> Answer:
        answer = self._post("/api/v1/frames", case, "image", {"metadata": case.metadata})
        if answer.is_success:
            row = answer.json()
            return _taken(case, AGAIN if answer.status_code == 200 else ACCEPTED, new=row["state"] == "received")
        return _refused(answer)

    def _panoramax(self, case: Case) -> Answer:
        if not self._upload_set:
            made = self._client.post("/api/upload_sets", json={"title": "fuzz"})
            self._upload_set = f"/api/upload_sets/{made.json()['id']}/files"
        names = {"lat": "override_latitude", "lon": "override_longitude", "captured_at": "override_capture_time"}
        answer = self._post(
            self._upload_set, case, "file", {names.get(key, key): text for key, text in case.pairs.items()}
        )
        return _taken(case, ACCEPTED) if answer.is_success else _refused(answer)

    def _archive(self, case: Case) -> Answer:
        answer = self._post("/api/v1/archives", case, "archive", {"metadata": case.metadata})
        if answer.is_success:
            return Answer(ACCEPTED, answer.json()["id"])
        return _refused(answer)

    def _track(self, case: Case) -> Answer:
        answer = self._post(f"/api/v1/surveys/{quote(case.survey, safe='')}/tracks", case, "track", {})
        return Answer(ACCEPTED if answer.status_code == 201 else AGAIN) if answer.is_success else _refused(answer)

    def _post(self, path: str, case: Case, field: str, fields: dict[str, str]) -> httpx2.Response:
        if case.form:
            return self._client.post(path, headers={"Content-Type": case.form[0]}, content=case.form[1])
        file = {field: (case.name.encode("utf-8", "replace").decode(), case.data, "application/octet-stream")}
        return self._client.post(path, files=file, data=fields)

    def _tus(self, case: Case) -> Answer:
        """Created, then sent in one or two requests; what is refused on the way is taken back by the sender."""
        pairs = {"filename": case.name} | case.pairs
        metadata = ",".join(
            f"{key} {b64encode(text.encode('utf-8', 'replace')).decode()}" for key, text in pairs.items()
        )
        length = {"Upload-Length": str(len(case.data)), "Upload-Metadata": metadata}
        made = self._client.post("/api/v1/tus", headers=TUS | length)
        if made.status_code != 201 or not case.data:
            return _handed(case, made) if made.is_success else _refused(made)
        url, answer, at = made.headers["location"], made, 0
        for end in sorted({len(case.data) // 2 or len(case.data), len(case.data)}):
            headers = TUS | {"Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
            answer, at = self._client.patch(url, headers=headers, content=case.data[at:end]), end
            if not answer.is_success:
                self._client.delete(url, headers=TUS)
                return _refused(answer)
        return _handed(case, answer)


def _handed(case: Case, answer: httpx2.Response) -> Answer:
    """By the headers of an upload that is whole."""
    told = answer.headers
    if told.get("rasid-state") == "refused":
        return Answer(told["rasid-reason"])
    if archive_id := told.get("rasid-archive-id"):
        return Answer(ACCEPTED, int(archive_id))
    if told.get("rasid-state") != "finished":
        return Answer("not handed over", fault=f"a whole upload without an end: {dict(told)}")
    return _taken(case, ACCEPTED) if "rasid-frame-id" in told else Answer(ACCEPTED)


def _taken(case: Case, code: str, *, new: bool = True) -> Answer:
    wrongly = new and not case.form and not sound_picture(case.data)
    return Answer(code, fault="taken as a frame, but no reader shows it whole" if wrongly else None)


def _refused(answer: httpx2.Response) -> Answer:
    try:
        code = str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return Answer(f"{answer.status_code} without a code", fault=f"{answer.status_code}: {answer.text[:200]}")
    return Answer(code, fault=f"{answer.status_code} {code}" if answer.status_code >= 500 else None)
