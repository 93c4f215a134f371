"""Finds tool calls in what a model writes, while it writes it.

Three spellings are understood, and only when tools were offered and the name is one of theirs:
`<tool_call>{json}</tool_call>`, a fenced block that holds such JSON, and an answer that begins with it. Everything else
is text, and is passed on as soon as it cannot become a call any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from assistant.models.reasoning import partial_suffix

_TAG: Final = "<tool_call>"
_END_TAG: Final = "</tool_call>"
_FENCE: Final = "```"
_FENCE_LANGUAGES: Final = ("json", "xml", "tool_call", "")
_FIRST_KEYS: Final = ("name", "arguments", "parameters", "function", "type", "id")
_STRING_OR_BRACKET: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]', re.DOTALL)
_NAME_FIRST: Final = re.compile(r'\[?\s*\{\s*"name"\s*:\s*"([^"\\]*)("?)')


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The model asks for the tool `name`; `arguments` is a JSON object as text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class _Opening:
    """Where the JSON begins behind a tag or a fence, and how much is plain text should it be no call."""

    value: int
    plain: int
    tag: bool = False
    fence: bool = False


_Verdict: TypeAlias = _Opening | Literal["wait", "no"]


class ToolCallParser:
    """Fed with text in pieces of any size, gives the same text and the same calls for any splitting.

    Without offered tools text passes unchanged. Blank space beside a call belongs to nobody and is dropped.
    """

    def __init__(self, offered: Iterable[str] = ()) -> None:
        self._offered = frozenset(offered)
        self._held = ""
        self._blank = ""
        self._said = False
        self._after_call = False
        self._in_fence = False
        self._closers: tuple[str, ...] = ()
        self._outer_closers: tuple[str, ...] = ()
        self._unfinished = False
        self._may_end = True

    def feed(self, text: str) -> list[Text | Call]:
        """What is certain now that `text` has arrived."""
        if not self._offered:
            return [Text(text)] if text else []
        self._held += text
        # A long call arrives in hundreds of pieces: it is scanned again only when a bracket could have ended it.
        self._may_end = not self._unfinished or "}" in text or "]" in text
        return self._advance(final=False)

    def close(self) -> list[Text | Call]:
        """The rest, once nothing more comes."""
        self._may_end = True
        found = self._advance(final=True)
        if self._blank and not self._after_call:
            found.append(Text(self._blank))
        self._blank = ""
        return found

    def _advance(self, *, final: bool) -> list[Text | Call]:
        found: list[Text | Call] = []
        self._unfinished = False
        while self._held:
            if self._closers:
                if not self._swallow_closers(final=final):
                    break
                continue
            start = self._next_mark()
            if start is None:
                marks = (_FENCE,) if self._in_fence else (_FENCE, _TAG)
                kept = 0 if final else partial_suffix(self._held, *marks)
                self._say(len(self._held) - kept, found)
                break
            self._say(start, found)
            if self._in_fence:
                self._in_fence = False
                self._say(len(_FENCE), found)
            elif not self._call_or_text(found, final=final):
                break
        return found

    def _next_mark(self) -> int | None:
        """Where the earliest thing begins that could be a call; inside a fence, where the fence ends."""
        marks = [self._held.find(_FENCE)]
        if not self._in_fence:
            marks.append(self._held.find(_TAG))
            first = len(self._held) - len(self._held.lstrip())
            if not self._said and self._held[first : first + 1] in ("{", "["):
                marks.append(first)
        return min((mark for mark in marks if mark >= 0), default=None)

    def _call_or_text(self, found: list[Text | Call], *, final: bool) -> bool:
        """Decide what stands at the front of the held text; False when more of it has to arrive first."""
        opening = self._opening()
        if opening == "wait" and not final:
            return False
        if isinstance(opening, str):
            mark = next((mark for mark in (_FENCE, _TAG) if self._held.startswith(mark)), self._held[0])
            opening = _Opening(0, len(mark), fence=mark == _FENCE)
            end = None
        else:
            possible = self._may_be_call(self._held[opening.value :])
            end = _value_end(self._held, opening.value) if possible and self._may_end else None
            if possible and end is None and not final:
                self._unfinished = True
                return False
        calls = self._calls(self._held[opening.value : end]) if end else []
        if end is None or not calls:
            self._in_fence = opening.fence or _FENCE in self._outer_closers
            self._outer_closers = ()
            self._may_end = True
            self._say(opening.plain, found)
            return True
        found.extend(calls)
        self._blank = ""
        self._said = False
        self._after_call = True
        self._held = self._held[end:]
        own = ((_END_TAG,) if opening.tag else ()) + ((_FENCE,) if opening.fence else ())
        self._closers = own + self._outer_closers
        self._outer_closers = ()
        self._may_end = True
        return True

    def _opening(self) -> _Verdict:
        text = self._held
        if text.startswith(_TAG):
            return _value_after(text, len(_TAG), plain=len(_TAG), tag=True, fence=False)
        if not text.startswith(_FENCE):
            return _Opening(0, 1)
        line, ended, _ = text[len(_FENCE) :].partition("\n")
        language = line.strip()
        if not ended:
            return "wait" if any(known.startswith(language) for known in _FENCE_LANGUAGES) else "no"
        if language not in _FENCE_LANGUAGES:
            return "no"
        begin = len(_FENCE) + len(line) + 1
        inside = text[begin:].lstrip()
        at = len(text) - len(inside)
        if inside.startswith(_TAG):
            return _value_after(text, at + len(_TAG), plain=begin, tag=True, fence=True)
        if inside and _TAG.startswith(inside):
            return "wait"
        return _value_after(text, at, plain=begin, tag=False, fence=True)

    def _swallow_closers(self, *, final: bool) -> bool:
        """Take the closing tag and fence of the call that was just found; further calls may stand before them."""
        text = self._held.lstrip()
        if not text:
            self._held = ""
            return True
        for index, closer in enumerate(self._closers):
            if text.startswith(closer):
                self._held = text[len(closer) :]
                self._closers = self._closers[index + 1 :]
                return True
        if not final and any(closer.startswith(text) for closer in self._closers):
            return False
        if text[0] in "{[" or text.startswith(_TAG):
            self._outer_closers = self._closers
        elif not final and _TAG.startswith(text):
            return False
        else:
            self._in_fence = _FENCE in self._closers
        self._closers = ()
        return True

    def _may_be_call(self, value: str) -> bool:
        """Whether JSON of which only the beginning is there may still become a call."""
        named = _NAME_FIRST.match(value)
        if named:
            name, ended = named.groups()
            return name in self._offered if ended else any(known.startswith(name) for known in self._offered)
        inner = value[1:].lstrip() if value.startswith("[") else value
        body = inner[1:].lstrip()
        if not body:
            return inner[:1] in ("", "{")
        if inner[0] != "{" or body[0] != '"':
            return False
        key, ended, _ = body[1:].partition('"')
        return key in _FIRST_KEYS if ended else any(known.startswith(key) for known in _FIRST_KEYS)

    def _calls(self, value: str) -> list[Call]:
        try:
            parsed = json.loads(value, strict=False)
        except (ValueError, RecursionError):
            return []
        calls = [self._call(item) for item in (parsed if isinstance(parsed, list) else [parsed])]
        return [call for call in calls if call] if all(calls) else []

    def _call(self, item: Any) -> Call | None:
        if not isinstance(item, dict):
            return None
        if isinstance(item.get("function"), dict):
            item = item["function"]
        name = item.get("name")
        arguments = item.get("arguments", item.get("parameters"))
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments, strict=False)
            except ValueError:
                return None
        if not isinstance(name, str) or name not in self._offered or not isinstance(arguments, dict):
            return None
        return Call(name, json.dumps(arguments, ensure_ascii=False))

    def _say(self, size: int, found: list[Text | Call]) -> None:
        """Pass on the first `size` held characters; blank space at their end waits, since a call may follow it."""
        text = self._blank + self._held[:size]
        self._held = self._held[size:]
        if self._after_call:
            text = text.lstrip()
        shown = text.rstrip()
        self._blank = text[len(shown) :]
        if shown:
            found.append(Text(shown))
            self._said = True
            self._after_call = False


def _value_after(text: str, at: int, *, plain: int, tag: bool, fence: bool) -> _Verdict:
    rest = text[at:].lstrip()
    if not rest:
        return "wait"
    return _Opening(len(text) - len(rest), plain, tag, fence) if rest[0] in "{[" else "no"


def _value_end(text: str, start: int) -> int | None:
    """Where the JSON object or list that begins at `start` ends; None while it is open."""
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text, start):
        mark = found.group()
        if mark == '"':
            return None
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
            if depth == 0:
                return found.end()
    return None
