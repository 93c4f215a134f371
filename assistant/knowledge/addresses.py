"""Which addresses of the internet protocol may be asked for a web page: those of other people's servers, no others."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from socket import AF_INET, AF_INET6
from typing import Final, TypeAlias

import psutil

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_IPV6: Final = ipaddress.ip_network("2000::/3")
"""The only part of IPv6 in which addresses of servers are given out (RFC 4291, 2.4)."""

_SPECIAL: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "2001::/23")))
"""Blocks of the IANA registries of special addresses that `ipaddress` does not know in every version of Python."""


def is_public(address: str) -> bool:
    """False for this machine, its network, and whatever an address carries inside it that is one of these."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return _is_public(found)
    if found.ipv4_mapped is not None:
        return _is_public(found.ipv4_mapped)
    if found not in _GLOBAL_IPV6 or _is_special(found) or not found.is_global or found.is_reserved:
        return False
    # A tunnel leads to the address it holds (RFC 3056).
    return found.sixtofour is None or _is_public(found.sixtofour)


def own() -> frozenset[str]:
    """The addresses of this machine itself, also those that the internet reaches it by."""
    found = [one for addresses in psutil.net_if_addrs().values() for one in addresses]
    return frozenset(one.address.partition("%")[0] for one in found if one.family in {AF_INET, AF_INET6})


def allowed(addresses: Collection[str]) -> bool:
    """Whether all of these may be asked: a name that also means a private address is not to be trusted."""
    mine = own()
    return bool(addresses) and all(is_public(one) and one not in mine for one in addresses)


def _is_special(address: Address) -> bool:
    return any(address in block for block in _SPECIAL)


def _is_public(address: ipaddress.IPv4Address) -> bool:
    return address.is_global and not (
        _is_special(address)
        or address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )
