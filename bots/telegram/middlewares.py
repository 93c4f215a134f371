"""Who may come in, and what a person hears when something fails."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiogram import BaseMiddleware
from aiogram.types import CallbackQuery, Chat, TelegramObject, Update, User

from assistant.api import Assistant
from assistant.errors import AssistantError, InternalFault
from assistant.i18n import Language, explain, language_of
from bots.telegram.answering import Answering, Reader
from bots.telegram.clock import Clock
from bots.telegram.forms import Forms
from bots.telegram.intake import may_knock, sender_of
from bots.telegram.receipts import Receipt
from bots.telegram.sending import toast
from bots.telegram.streaming import Target

_log = logging.getLogger(__name__)
Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]
_NOTICE_S: Final = 60.0
_REMEMBERED_STRANGERS: Final = 1000


class Notices:
    """At most one short text a minute for a stranger, and little memory for many strangers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_at: OrderedDict[int, float] = OrderedDict()

    def may_tell(self, user_id: int) -> bool:
        now = self._clock.now()
        told = self._told_at.get(user_id)
        if told is not None and now - told < _NOTICE_S:
            return False
        self._told_at[user_id] = now
        self._told_at.move_to_end(user_id)
        if len(self._told_at) > _REMEMBERED_STRANGERS:
            self._told_at.popitem(last=False)
        return True


class Access(BaseMiddleware):
    """Stands before every kind of update: only paired people get past it, told by their numeric id.

    A stranger's /start in a private chat gets through without a `reader`, and nothing else of theirs does.
    """

    def __init__(self, assistant: Assistant, forms: Forms, default: Language) -> None:
        self._assistant = assistant
        self._forms = forms
        self._default = default

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        if not isinstance(event, Update):
            return None
        user_id, chat = sender_of(event)
        user: User | None = data.get("event_from_user")
        if user_id is None:
            return None
        if event.inline_query is not None:
            chat = Chat(id=user_id, type="private")  # it is asked from anywhere, and answered to the person alone
        if chat is None:
            return None
        person = await self._assistant.people.find("telegram", str(user_id))
        language = language_of(user.language_code) if user and user.language_code else self._default
        target = _target(event, chat, data.get("event_thread_id"), data.get("receipt"))
        data["language"] = language
        data["target"] = target
        if person is not None:
            if user is not None and person.name == person.external_id and user.full_name:
                # They were let in before anything was known of them but their number.
                person = await self._assistant.people.change(person.id, name=user.full_name)
            rich = await self._forms.of(user_id) == "rich"
            data["reader"] = Reader(person, language, target, rich)
        elif not may_knock(event, chat):
            return None
        return await handler(event, data)


class Explain(BaseMiddleware):
    """The last place an error can be caught: the person is told what happened, in their language."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        try:
            return await handler(event, data)
        except AssistantError as error:
            await self._tell(event, data, error)
        except Exception as error:
            _log.exception("telegram: an update could not be dealt with")
            await self._tell(event, data, InternalFault(reason=type(error).__name__))
        return None

    async def _tell(self, event: TelegramObject, data: dict[str, Any], error: AssistantError) -> None:
        reader: Reader | None = data.get("reader")
        if reader is None or not isinstance(event, Update) or event.inline_query is not None:
            return
        text = explain(error, reader.language)
        query: CallbackQuery | None = event.callback_query
        if query is not None:
            await toast(query, text, alert=True)
        else:
            await self._answering.tell(reader, text)


def _target(update: Update, chat: Chat, thread_id: int | None, receipt: Receipt | None) -> Target:
    private = chat.type == "private"
    message = update.message
    return Target(
        chat_id=chat.id,
        private=private,
        thread_id=thread_id,
        reply_to=message.message_id if message is not None and not private else None,
        receipt=receipt,
    )
