"""Where this service may call: the public internet; anything else only where the operator names the host."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx2

from service.core.errors import Unprocessable

Address = IPv4Address | IPv6Address
SECURE_PORTS = frozenset({443, 8443})  # other ports of strangers are not ours to knock at
PLAIN_PORTS = frozenset({80, 8080})
MAX_URL_LENGTH = 2000
NAME_IT = "the operator may allow the host by name (RASID_PRIVATE_HOSTS)"
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")


@dataclass(frozen=True)
class Target:
    """A URL that may be called; `allowed` says that the operator named its host."""

    url: httpx2.URL
    host: str  # ASCII, lower case, no trailing dot; an IPv6 address in brackets
    port: int
    allowed: bool


def read_target(url: str, private_hosts: AbstractSet[str], *, secure: bool = True) -> Target:
    """Checks all that can be told without asking the name service; raises Unprocessable("outbound.url").

    `secure`: http is for named hosts alone. `private_hosts`: host or host:port, in small letters.
    """
    if len(url) > MAX_URL_LENGTH or not url.isprintable() or any(letter in url for letter in " \\"):
        raise _refused(f"at most {MAX_URL_LENGTH} printable characters without spaces or backslashes", "another text")
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise _refused("a URL", str(error)) from error
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise _refused("https://host/path", f"the scheme {parsed.scheme!r}")
    if parsed.userinfo or parsed.fragment:
        raise _refused("no user, password or fragment", "one; the signature is what proves us")
    host = parsed.raw_host.decode("ascii").rstrip(".").lower()
    host = f"[{host.strip('[]')}]" if ":" in host else host
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    target = Target(parsed, host, port, host in private_hosts or f"{host}:{port}" in private_hosts)
    _check_stranger(target, secure)
    return target


def _check_stranger(target: Target, secure: bool) -> None:
    ports = SECURE_PORTS if secure else SECURE_PORTS | PLAIN_PORTS
    if secure and not target.allowed and target.url.scheme != "https":
        raise _refused("https", f"http; {NAME_IT}")
    if not target.allowed and target.port not in ports:
        raise _refused(f"one of the ports {sorted(ports)}", f"{target.port}; {NAME_IT}")
    literal = literal_address(target.host)
    why = literal and refusal_of(literal, allowed=target.allowed, literal=True)
    if why:
        raise _refused("a public address", f"a {why} one; {NAME_IT}")


def literal_address(host: str) -> Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def refusal_of(address: Address, *, allowed: bool = False, literal: bool = False) -> str | None:
    """The kind of address that nothing is sent to; None where it may be.

    An allowed name reaches private addresses and this machine, but never multicast or "any" addresses, and link-local
    ones (a cloud's metadata service) only where the address itself is what the operator wrote.
    """
    inner = embedded(address)
    if inner is not None:
        return refusal_of(inner, allowed=allowed, literal=literal)
    if address.is_unspecified or address.is_multicast:
        return "unspecified" if address.is_unspecified else "multicast"
    if address.is_link_local:
        return None if allowed and literal else "link-local"
    return None if allowed else _not_public(address)


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, compatible, 6to4, Teredo or NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address.teredo:
        return address.teredo[1]
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return low
    return address.ipv4_mapped or address.sixtofour


def _not_public(address: Address) -> str | None:
    if address.is_loopback:
        return "loopback"
    if not address.is_global or address.is_reserved:
        return "private or reserved"
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "private or reserved"
    return None


def _refused(expected: str, came: str) -> Unprocessable:
    return Unprocessable("outbound.url", f"expected {expected} in the address, got {came}")
