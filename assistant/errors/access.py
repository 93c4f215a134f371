"""Who may not."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors.base import AssistantError


class AccessError(AssistantError):
    """The caller may not."""


class KeyRefused(AccessError):
    """No API key, or not the right one."""


@dataclass(eq=False)
class HostRefused(AccessError):
    """A request whose Host or Origin header is none of ours (DNS rebinding)."""

    host: str


@dataclass(eq=False)
class UnsafeBind(AccessError):
    host: str


@dataclass(eq=False)
class PairingFailed(AccessError):
    """`reason` is one of the words in the catalogue: wrong_code, expired, too_many_attempts."""

    reason: str


@dataclass(eq=False)
class QuotaReached(AccessError):
    """`reason` is questions or tokens, of which `most` are a day's; the next day begins in `hours`, counted up."""

    reason: str
    most: int
    hours: int


@dataclass(eq=False)
class TooManyAtOnce(AccessError):
    """`most` answers are being written for somebody already."""

    most: int


@dataclass(eq=False)
class OwnersOnly(AccessError):
    """It is not for people of this role: `reason` is owner, member or guest."""

    reason: str


class OnlyHere(AccessError):
    """A path names a file of this machine, so only a caller on it may give one."""
