"""Ways to reach a reporter. E-mail and webhook are here; SMS, WhatsApp and others are adapters that are installed.

An adapter is a class of an installed package, named in its entry points of the group `rasid.notices`:

    [project.entry-points."rasid.notices"]
    sms = "city_sms:SmsChannel"

Rasid makes it once with its Settings, asks `reaches` and calls `send` when RASID_NOTICE_CHANNELS names it. `send`
may be called twice for one message (the key tells) and raises NotDelivered when it should be tried again later.
"""

import json
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from importlib.metadata import entry_points
from typing import Protocol

from service.core.outbound import Call, Unreachable, call, trusted
from service.core.settings import Settings
from service.core.tables import JsonObject
from service.reports.signing import notice_secret, secret_of, webhook_headers

GROUP = "rasid.notices"
SMTP_TIMEOUT_S = 20.0


class NotDelivered(Exception):
    """A try that failed; its words are kept, so they name no person."""


@dataclass(frozen=True)
class Contact:
    """How a reporter may be reached, and the program that sent the report."""

    email: str | None = None
    phone: str | None = None
    api_key_id: int | None = None
    notice_url: str | None = None


@dataclass(frozen=True)
class Message:
    """`key` is the same for every try; `facts` is what a program reads, without anything of the reporter."""

    key: str
    language: str
    subject: str
    text: str
    at: datetime
    facts: JsonObject


class Channel(Protocol):
    """What an adapter has."""

    def reaches(self, contact: Contact) -> bool: ...

    def send(self, contact: Contact, message: Message) -> None: ...


class EmailChannel:
    """By the mail server of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def reaches(self, contact: Contact) -> bool:
        return contact.email is not None and self._settings.smtp_host is not None

    def send(self, contact: Contact, message: Message) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._settings.smtp_from, contact.email, message.subject
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{message.key}@{self._settings.smtp_from.rpartition('@')[2].rstrip('>') or 'rasid'}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        mail["Content-Language"] = message.language  # after the content, which takes such headers away
        try:
            with self._connect() as server:
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered(f"mail server: {type(error).__name__}") from error

    def _connect(self) -> smtplib.SMTP:
        own = self._settings
        assert own.smtp_host is not None  # `reaches` has asked
        context = trusted(own.ca_file)
        if own.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                own.smtp_host, own.smtp_port, timeout=SMTP_TIMEOUT_S, context=context
            )
        else:
            server = smtplib.SMTP(own.smtp_host, own.smtp_port, timeout=SMTP_TIMEOUT_S)
        try:
            if own.smtp_security == "starttls":
                server.starttls(context=context)
            if own.smtp_user is not None and own.smtp_password is not None:
                server.login(own.smtp_user, own.smtp_password.get_secret_value())
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server


class WebhookChannel:
    """To the program that sent the report, signed as Standard Webhooks are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def reaches(self, contact: Contact) -> bool:
        return contact.notice_url is not None and contact.api_key_id is not None

    def send(self, contact: Contact, message: Message) -> None:
        assert contact.notice_url is not None and contact.api_key_id is not None  # `reaches` has asked
        body = json.dumps(message.facts | {"text": message.text}, ensure_ascii=False).encode()
        key = notice_secret(secret_of(self._settings), contact.api_key_id)
        headers = webhook_headers(key, message.key, message.at, body) | {"Content-Type": "application/json"}
        try:
            asked = Call("POST", contact.notice_url, content=body, headers=headers)
            response = call(self._settings, asked, secure=True)
        except Unreachable as error:
            raise NotDelivered(str(error)[:200]) from error
        if not response.is_success:
            raise NotDelivered(f"webhook: expected 2xx, got {response.status}")


BUILT_IN: dict[str, Callable[[Settings], Channel]] = {"email": EmailChannel, "webhook": WebhookChannel}


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Those that the settings name. Raises ValueError for one that is not installed."""
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    channels: dict[str, Channel] = {}
    for name in sorted(settings.notice_channels):
        if name in BUILT_IN:
            channels[name] = BUILT_IN[name](settings)
        elif name in installed:
            channels[name] = installed[name].load()(settings)
        else:
            known = ", ".join(sorted({*BUILT_IN, *installed}))
            raise ValueError(f"RASID_NOTICE_CHANNELS: expected some of {known}, got {name!r}; install its package")
    return channels
