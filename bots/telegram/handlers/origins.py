"""/why: which model and which prompt made an answer. What the prompt says is its owner's to read, and nobody else's."""

from __future__ import annotations

import datetime as dt
from typing import Final

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import Message, MessageEntity

from assistant.api import Assistant
from assistant.i18n import Language
from assistant.knowledge.framing import visible
from assistant.learning.prompt_desk import Origin
from bots.telegram.answering import Answering, Reader
from bots.telegram.presenter import Part, Presenter
from bots.telegram.shown import Shown

_LONGEST: Final = 3000
"""Characters of a prompt that are sent."""


def router() -> Router:
    routes = Router(name="origins")
    routes.message.register(why, Command("why"))
    return routes


async def why(
    message: Message,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
) -> None:
    """Of the answer that is replied to, else of the last one."""
    turn = await shown.meant(message, reader)
    if turn is None:
        await answering.tell(reader, presenter.say(reader.language, "why.nothing"))
        return
    origin = await assistant.desk.origin(turn.id)
    # Learned prompts may show what the owner asked: in a group it would be read by all.
    in_full = reader.person.role == "owner" and reader.target.private
    await answering.say(reader.target, _told(origin, presenter, reader.language, in_full=in_full))


def _told(origin: Origin, presenter: Presenter, language: Language, *, in_full: bool) -> Part:
    version, model = origin.version, visible(origin.model)
    if origin.gone:
        return Part(presenter.say(language, "why.gone", model=model, version=origin.gone))
    if version is None:
        return Part(presenter.say(language, "why.no_prompt" if model else "why.no_model", model=model))
    author = "elsewhere" if version.evidence.get("imported") else version.author
    since = dt.datetime.fromtimestamp(version.first_seen_at).astimezone().date().isoformat()
    head = presenter.say(language, "why.made", model=model, version=version.full_name)
    head += "\n" + presenter.say(language, f"why.{author}", date=since)
    if not in_full:
        return Part(head)
    if {"gained", "lost", "items"} <= version.evidence.keys():
        figures = {key: version.evidence[key] for key in ("gained", "lost", "items")}
        head += "\n" + presenter.say(language, "why.evidence", **figures)
    text = visible(origin.text).strip()
    text = text[:_LONGEST] + (" …" if len(text) > _LONGEST else "")
    quote = MessageEntity(type="expandable_blockquote", offset=_units(head) + 2, length=_units(text))
    return Part(f"{head}\n\n{text}", (quote,) if text else ())


def _units(text: str) -> int:
    """As Telegram counts: code units of UTF-16."""
    return len(text.encode("utf-16-le")) // 2
