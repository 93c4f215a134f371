"""Which addresses of the internet protocol may be asked for a web page: those of other people's servers, no others."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Final, TypeAlias

import psutil

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_IPV6: Final = ipaddress.ip_network("2000::/3")
"""The only part of IPv6 in which addresses of servers are given out (RFC 4291, 2.4)."""


def is_public(address: str) -> bool:
    """False for this machine, its network, and whatever an address carries inside it that is one of these."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return _is_public(found)
    if found.ipv4_mapped is not None:
        return _is_public(found.ipv4_mapped)
    if found not in _GLOBAL_IPV6 or not found.is_global or found.is_multicast or found.is_reserved:
        return False
    # Tunnels lead to the address they hold (RFC 3056, RFC 4380).
    carried = [found.sixtofour, *(found.teredo or ())]
    return all(_is_public(one) for one in carried if one is not None)


def own() -> frozenset[str]:
    """The addresses of this machine itself, also those that the internet reaches it by."""
    return frozenset(one.address.partition("%")[0] for found in psutil.net_if_addrs().values() for one in found)


def allowed(addresses: Collection[str]) -> bool:
    """Whether all of these may be asked: a name that also means a private address is not to be trusted."""
    mine = own()
    return bool(addresses) and all(is_public(one) and one not in mine for one in addresses)


def _is_public(address: ipaddress.IPv4Address) -> bool:
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )
