"""A bad link in front of a real server: a TCP proxy that cuts connections after so many bytes, by a seed."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BLOCK_BYTES = 4_096


@contextmanager
def dropping_link(port: int, seed: int, least_bytes: int, most_bytes: int) -> Iterator[int]:
    """The proxy's own port. Each connection carries a random number of bytes, both ways together, and is then cut."""
    chance, lock = random.Random(seed), threading.Lock()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    with lock:
                        budget = [chance.randint(least_bytes, most_bytes)]
                    threading.Thread(target=_carry_both, args=(near, port, budget), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _carry_both(near: socket.socket, port: int, budget: list[int]) -> None:
    with near, suppress(OSError), socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=_carry, args=(far, near, budget), daemon=True)
        back.start()
        _carry(near, far, budget)
        back.join(60)


def _carry(source: socket.socket, sink: socket.socket, budget: list[int]) -> None:
    with suppress(OSError):
        while block := source.recv(BLOCK_BYTES):
            budget[0] -= len(block)
            if budget[0] < 0:
                break
            sink.sendall(block)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
