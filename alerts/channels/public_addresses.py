"""Which addresses may be called: those of the open internet, and those that operators named.

Whoever can have us call an address of their choice must not reach what only this machine, its
neighbours or its cloud can see. So the address itself counts, after its name was looked up, and
not how it was written: a name, an IPv4 in octal, one inside an IPv6.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEVER: dict[str, str] = {
    # The metadata of a cloud, and so the credentials of this machine, are there.
    "169.254.0.0/16": "a link-local address, where clouds keep their metadata",
    "fe80::/10": "a link-local address",
    "168.63.129.16/32": "an address of Azure's own platform",
    "100.100.100.200/32": "an address where a cloud keeps its metadata",
    "fd00:ec2::254/128": "an address where a cloud keeps its metadata",
    "0.0.0.0/8": "an unspecified address",
    "::/128": "an unspecified address",
    "224.0.0.0/4": "a multicast address",
    "ff00::/8": "a multicast address",
    "240.0.0.0/4": "a reserved address",
}
"""Not even a private host may be one of these."""
_PRIVATE: dict[str, str] = {
    "127.0.0.0/8": "an address of this machine",
    "::1/128": "an address of this machine",
    "10.0.0.0/8": "a private address",
    "172.16.0.0/12": "a private address",
    "192.168.0.0/16": "a private address",
    "fc00::/7": "a private address",
    "fec0::/10": "a private address",
    "100.64.0.0/10": "a shared address of a carrier",
    "192.0.0.0/24": "an address for special use",
    "192.0.2.0/24": "an address for documentation",
    "192.88.99.0/24": "an address that leads through a relay (6to4)",
    "198.18.0.0/15": "an address for measurements",
    "198.51.100.0/24": "an address for documentation",
    "203.0.113.0/24": "an address for documentation",
    "2001::/23": "an address for special use",
    "2001:db8::/32": "an address for documentation",
    "3fff::/20": "an address for documentation",
    "2002::/16": "an address that leads through a relay (6to4)",
    "64:ff9b:1::/48": "an address behind a translator of this network (NAT64)",
}
_UNICAST = ip_network("2000::/3")
"""The open internet of IPv6; nothing else of it is handed out."""
_TRANSLATED = ip_network("64:ff9b::/96")
"""What a translator (NAT64) makes of an IPv4, for networks that have none."""
_FOREVER = tuple((ip_network(each), words) for each, words in _NEVER.items())
_NOT_OPEN = tuple((ip_network(each), words) for each, words in _PRIVATE.items())
HERE = ("127.0.0.1", "localhost", "::1")
"""Where plain http may go, because nobody can listen in between."""
_LOCAL_NAMES = ("localhost", ".localhost")


@dataclass(frozen=True, slots=True)
class Private:
    """What may be called although it is not open to the internet.

    Attributes
    ----------
    names : frozenset of str
        Names of hosts, in lower case, each for whatever it resolves to.
    networks : tuple of IPv4Network or IPv6Network
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, listed: Iterable[str]) -> Private:
        """Read what the settings list.

        Parameters
        ----------
        listed : iterable of str
            Networks as :func:`ipaddress.ip_network` writes them; all else is a name.

        Examples
        --------
        >>> Private.of(["10.0.0.0/8", "hooks.corp.example"]).names
        frozenset({'hooks.corp.example'})
        """
        found = [(each, _network(each)) for each in listed]
        return cls(
            frozenset(name.lower() for name, network in found if network is None),
            tuple(network for _, network in found if network is not None),
        )

    def allows(self, host: str, address: Address) -> bool:
        """Whether a host may be at an address that is not open.

        Parameters
        ----------
        host : str
            As it stands in the address that is called.
        address : IPv4Address or IPv6Address
        """
        if host.lower().rstrip(".") in self.names:
            return True
        return any(address in network for network in self.networks)


NOTHING = Private()


def refusal(address: Address, host: str = "", private: Private = NOTHING) -> str:
    """Say why an address is not called; empty where it may be.

    Parameters
    ----------
    address : IPv4Address or IPv6Address
    host : str
        The name that led to it.
    private : Private
        What operators allow.

    Examples
    --------
    >>> refusal(ip_address("169.254.169.254"))
    'a link-local address, where clouds keep their metadata'
    >>> refusal(ip_address("::ffff:127.0.0.1"))
    'an address of this machine'
    >>> refusal(ip_address("9.9.9.9"))
    ''
    """
    meant = _unwrapped(address)
    if words := _within(meant, _FOREVER):
        return words
    words = _within(meant, _NOT_OPEN)
    if not words and isinstance(meant, IPv6Address) and meant not in _UNICAST:
        words = "a reserved address"
    return "" if not words or private.allows(host, meant) else words


def refusal_of_host(host: str, private: Private = NOTHING) -> str:
    """Say why a host is never called, as far as that can be told without looking up its name.

    Parameters
    ----------
    host : str
        A name, or an address as text.
    private : Private

    Examples
    --------
    >>> refusal_of_host("localhost")
    'localhost is an address of this machine'
    >>> refusal_of_host("hooks.example")
    ''
    """
    try:
        words = refusal(ip_address(host.strip("[]")), host, private)
    except ValueError:
        name = host.lower().rstrip(".")
        if not name.endswith(_LOCAL_NAMES) or name in private.names:
            return ""
        words = refusal(ip_address("127.0.0.1"), name, private)
    return f"{host} is {words}" if words else ""


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 that an IPv6 stands for, or the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _within(address: Address, networks: Iterable[tuple[Network, str]]) -> str:
    return next((words for network, words in networks if address in network), "")


def _network(text: str) -> Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None
