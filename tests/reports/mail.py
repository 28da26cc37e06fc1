"""A mail server of a few lines: takes messages, or refuses them as often as it is told; with TLS and a password."""

import socketserver
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer(socketserver.ThreadingTCPServer):
    """`account`: user and password that it asks for, once the line is safe."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, security: str, tls: ssl.SSLContext | None, account: tuple[str, str] | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.security, self.tls, self.account = security, tls, account
        self.refuse_next = 0
        self.taken: list[EmailMessage] = []
        self.logins: list[tuple[str, str, bool]] = []  # user, password, whether nobody could listen

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or trusts no such certificate, is what some tests want."""


class _Handler(socketserver.StreamRequestHandler):
    server: MailServer

    def setup(self) -> None:
        super().setup()
        self.safe, self.known = False, self.server.account is None
        if self.server.security == "tls":
            self._make_safe()

    def handle(self) -> None:
        self._say(b"220 test")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"QUIT":
                self._say(b"221 bye")
                return
            self._answer(word, line)

    def _answer(self, word: bytes, line: bytes) -> None:
        if word == b"EHLO":
            self._greet()
        elif word == b"STARTTLS" and self.server.security == "starttls":
            self._say(b"220 go on")
            self._make_safe()
        elif word == b"AUTH":
            self._login(line)
        elif word == b"MAIL" and not self.known:
            self._say(b"530 log in first")
        elif word == b"MAIL" and self.server.refuse_next:
            self.server.refuse_next -= 1
            self._say(b"451 later")
        elif word == b"DATA":
            self._say(b"354 go on")
            self._take()
        else:
            self._say(b"250 ok")

    def _greet(self) -> None:
        offers = [b"STARTTLS"] if self.server.security == "starttls" and not self.safe else []
        offers += [b"AUTH PLAIN"] if self.server.account else []
        for line in [b"test", *offers]:
            self._say(b"250-" + line)
        self._say(b"250 8BITMIME")

    def _make_safe(self) -> None:
        assert self.server.tls is not None
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.safe = True

    def _login(self, line: bytes) -> None:
        _, user, password = b64decode(line.split()[2]).decode().split("\0")
        self.server.logins.append((user, password, self.safe))
        self.known = (user, password) == self.server.account
        self._say(b"235 welcome" if self.known else b"535 wrong")

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        told = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(told, EmailMessage)
        self.server.taken.append(told)
        self._say(b"250 taken")

    def _say(self, words: bytes) -> None:
        self.wfile.write(words + b"\r\n")


@contextmanager
def mail_server(
    security: str = "none", tls: ssl.SSLContext | None = None, account: tuple[str, str] | None = None
) -> Iterator[MailServer]:
    with MailServer(security, tls, account) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
