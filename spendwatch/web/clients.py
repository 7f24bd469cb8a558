"""Who a client is, and how many requests it may make: in bounded memory, whoever asks."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_CLIENTS = 10_000
"""Remembered at a time; of more, the one that asked longest ago is forgotten, and begins anew."""
_HOME = 64
"""So many bits of an address of IPv6 name a household; the rest it may choose as it likes."""
_MINUTE_S = 60.0


def client_of(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str:
    """Return the address of whoever asks.

    A proxy writes down, at the end of ``X-Forwarded-For``, whom it heard. So the list is read from
    its end, for as long as it was written by a proxy of ours; what stands before that a client may
    have made up.

    Parameters
    ----------
    peer : str
        Who opened the connection.
    forwarded_for : str
        As it came; empty where it did not.
    proxies : sequence of IPv4Network or IPv6Network
        Whose word counts.

    Examples
    --------
    >>> ours = [ipaddress.ip_network("10.0.0.0/8")]
    >>> client_of("10.0.0.1", "6.6.6.6, 203.0.113.9", ours)
    '203.0.113.9'
    >>> client_of("198.51.100.4", "203.0.113.9", ours)
    '198.51.100.4'
    """
    found = peer
    for heard in reversed(forwarded_for.split(",") if forwarded_for else []):
        if not _is_proxy(found, proxies) or _address(heard) is None:
            break
        found = str(_address(heard))
    return found


def _is_proxy(address: str, proxies: Sequence[Network]) -> bool:
    found = _address(address)
    return found is not None and any(found in network for network in proxies)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; one of IPv4 within IPv6 is that of IPv4."""
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def is_this_machine(address: str) -> bool:
    """Whether an address is this machine's own.

    Examples
    --------
    >>> is_this_machine("::1"), is_this_machine("192.0.2.1"), is_this_machine("")
    (True, False, False)
    """
    found = _address(address)
    return found is not None and found.is_loopback


def one_of(client: str) -> str:
    """Return what counts as one client: an address, of IPv6 a household's.

    Examples
    --------
    >>> one_of("192.0.2.7"), one_of("2001:db8::7"), one_of("?")
    ('192.0.2.7', '2001:db8::/64', '?')
    """
    found = _address(client)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _HOME), strict=False))
    return client


@dataclass(slots=True)
class Pace:
    """A bucket for each client, which fills up with time and from which each request takes one.

    Attributes
    ----------
    a_minute : int
        How much flows into a bucket in a minute, and how much it holds.
    """

    a_minute: int
    most: int = MOST_CLIENTS
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, client: str, now_s: float) -> float:
        """Take one out of a client's bucket; return how long to wait where it is empty, else 0.

        Parameters
        ----------
        client : str
        now_s : float
            On a clock that nobody sets.

        Examples
        --------
        >>> pace = Pace(a_minute=2)
        >>> [pace.wait_s("192.0.2.7", now_s) for now_s in (0, 0, 0, 30)]
        [0.0, 0.0, 30.0, 0.0]
        """
        name, each_s = one_of(client), _MINUTE_S / self.a_minute
        level, at_s = self._buckets.pop(name, (float(self.a_minute), now_s))
        level = min(float(self.a_minute), level + (now_s - at_s) / each_s)
        taken = level >= 1
        self._buckets[name] = (level - 1 if taken else level, now_s)
        if len(self._buckets) > self.most:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - level) * each_s
