"""The limits of the Bot API that a bot runs into: lengths, entities, keyboards, rates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bots.telegram.clock import Clock

TEXT_UNITS = 4096
CAPTION_UNITS = 1024
CALLBACK_DATA_BYTES = 64
INLINE_RESULTS = 50
INLINE_ID_BYTES = 64
DRAFT_LIFE_S = 30.0
DELETE_WINDOW_S = 48 * 3600.0
DOWNLOAD_BYTES = 20_000_000
UPLOAD_BYTES = 50_000_000
PHOTO_BYTES = 10_000_000
COMMANDS = 100

ENTITY_TYPES = frozenset(
    {
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
        "date_time",
    }
)


class Refused(Exception):
    """The server's answer is an error envelope."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


def bad_request(reason: str) -> Refused:
    return Refused(400, f"Bad Request: {reason}")


def units(text: str) -> int:
    """Length in UTF-16 code units, the measure of every offset in the Bot API."""
    return len(text.encode("utf-16-le")) // 2


def checked_text(
    text: str | None, entities: list[dict[str, Any]] | None, limit: int, *, may_be_empty: bool = False
) -> tuple[str, list[dict[str, Any]]]:
    """The text as the server keeps it (trimmed at both ends), with its entities moved along."""
    raw = text or ""
    placed = _checked_entities(raw, entities or [])
    trimmed = raw.strip()
    if not trimmed and not may_be_empty:
        raise bad_request("message text is empty")
    size = units(trimmed)
    if size > limit:
        raise bad_request("message is too long")
    shift = units(raw[: len(raw) - len(raw.lstrip())])
    moved = []
    for entity in placed:
        start = max(entity["offset"] - shift, 0)
        end = min(entity["offset"] + entity["length"] - shift, size)
        if end > start:
            moved.append({**entity, "offset": start, "length": end - start})
    return trimmed, moved


def _checked_entities(text: str, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    size = units(text)
    starts: set[int] = set()
    position = 0
    for character in text:
        starts.add(position)
        position += units(character)
    starts.add(position)
    for entity in entities:
        kind, offset, length = entity.get("type"), entity.get("offset"), entity.get("length")
        if kind not in ENTITY_TYPES:
            raise bad_request(f"can't parse entities: unknown type {kind!r}")
        if not isinstance(offset, int) or not isinstance(length, int) or offset < 0 or length <= 0:
            raise bad_request("can't parse entities: offset or length is wrong")
        if offset + length > size:
            raise bad_request(f"can't parse entities: entity ends after the text, at UTF-16 offset {offset + length}")
        if offset not in starts or offset + length not in starts:
            raise bad_request("can't parse entities: entity begins or ends in the middle of a UTF-16 symbol")
        if kind == "text_link" and not entity.get("url"):
            raise bad_request("can't parse entities: text_link without url")
    return entities


def checked_keyboard(markup: dict[str, Any] | None) -> dict[str, Any] | None:
    """An inline keyboard, or None where there is none; other keyboards are not modelled."""
    if not markup:
        return None
    rows = markup.get("inline_keyboard")
    if rows is None:
        raise bad_request("only inline keyboards are modelled here")
    for button in (button for row in rows for button in row):
        if not button.get("text"):
            raise bad_request("text buttons must have text")
        data, url = button.get("callback_data"), button.get("url")
        if (data is None) == (url is None):
            raise bad_request("a button needs exactly one of callback_data and url")
        if data is not None and not 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
    return markup if any(rows) else None


@dataclass
class Bucket:
    """What one chat may still spend, and how long it is shut out; asking too early lengthens the wait."""

    clock: Clock
    per_second: float
    burst: float
    tokens: float = field(init=False)
    refilled_at: float = field(init=False)
    shut_until: float = 0.0
    asked_too_early: int = 0

    def __post_init__(self) -> None:
        self.tokens = self.burst
        self.refilled_at = self.clock.now()

    def shut(self, seconds: float) -> None:
        self.shut_until = max(self.shut_until, self.clock.now() + seconds)

    def spend(self) -> None:
        """One call; raises 429 with retry_after when the chat has none left."""
        now = self.clock.now()
        if now < self.shut_until:
            self.shut_until += 1
            self.asked_too_early += 1
            raise self._too_many(now)
        self.tokens = min(self.burst, self.tokens + (now - self.refilled_at) * self.per_second)
        self.refilled_at = now
        if self.tokens < 1:
            self.shut_until = now + max(1.0, (1 - self.tokens) / self.per_second)
            raise self._too_many(now)
        self.tokens -= 1

    def _too_many(self, now: float) -> Refused:
        wait = max(1, -int(-(self.shut_until - now) // 1))
        return Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
