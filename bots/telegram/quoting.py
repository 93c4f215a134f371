"""Messages that a question is about, as files that go along with it: what is replied to, quoted or forwarded.

They are somebody else's words. The core gives files to the model as data, in a frame that nothing in them can end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiogram.types import (
    Message,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUnion,
    MessageOriginUser,
)

from assistant.i18n import Language
from assistant.memory.records import NewAttachment
from bots.telegram.presenter import Presenter, shortened

_LONGEST: Final = 4000
"""Characters of a message that are taken along."""
_NAME: Final = 40


def quoted(message: Message, presenter: Presenter, language: Language, *, whole: bool = True) -> NewAttachment | None:
    """What a message replies to: the part that was picked out, else, where that is wanted, the `whole` of it."""
    replied, external = message.reply_to_message, message.external_reply
    if message.quote is not None:
        text = message.quote.text
    else:
        text = (replied.text or replied.caption or "") if replied is not None and whole else ""
    name = ""
    if replied is not None:
        name = sender_name(replied)
    elif external is not None:
        name = origin_name(external.origin)
    return _file("question.quoted", text, name, presenter, language)


def forwarded(messages: Sequence[Message], presenter: Presenter, language: Language) -> list[NewAttachment]:
    """Those among the messages that were written somewhere else, each with who wrote it."""
    files = [
        _file(
            "question.forwarded",
            one.text or one.caption or "",
            origin_name(one.forward_origin),
            presenter,
            language,
        )
        for one in messages
        if one.forward_origin is not None
    ]
    return [file for file in files if file is not None]


def sender_name(message: Message) -> str:
    """Who wrote it, as its chat shows them."""
    if message.forward_origin is not None:
        return origin_name(message.forward_origin)
    if message.sender_chat is not None:
        return message.sender_chat.title or ""
    return message.from_user.full_name if message.from_user is not None else ""


def origin_name(origin: MessageOriginUnion) -> str:
    """Who or what it comes from."""
    match origin:
        case MessageOriginUser():
            return origin.sender_user.full_name
        case MessageOriginHiddenUser():
            return origin.sender_user_name
        case MessageOriginChat():
            return origin.sender_chat.title or origin.sender_chat.full_name
        case MessageOriginChannel():
            return origin.chat.title or ""


def _file(key: str, text: str, name: str, presenter: Presenter, language: Language) -> NewAttachment | None:
    text = text.strip()
    if not text:
        return None
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rstrip() + " …"
    shown = shortened(name, _NAME) or presenter.say(language, "question.somebody")
    return NewAttachment(presenter.say(language, key, name=shown), text.encode(errors="replace"))
