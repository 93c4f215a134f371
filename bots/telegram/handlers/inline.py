"""Inline mode: what was answered in the person's conversation, put into any chat by writing @the_bot and a few words.

Nothing is asked of the model: a query comes with every letter that is typed.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from aiogram import Router
from aiogram.exceptions import TelegramAPIError
from aiogram.types import (
    InlineQuery,
    InlineQueryResultArticle,
    InlineQueryResultsButton,
    InputTextMessageContent,
    LinkPreviewOptions,
)

from assistant.api import Assistant
from assistant.memory.records import Turn
from bots.telegram.answering import Reader
from bots.telegram.clock import Clock
from bots.telegram.presenter import Presenter, shortened
from bots.telegram.shown import Shown

_SHOWN: Final = 10
_TITLE: Final = 64
_DESCRIPTION: Final = 160
_GAP_S: Final = 0.5
"""Between two queries of one person that are looked up; the newest one is asked again by the client as one types on."""
_REMEMBERED: Final = 1000


class Inline:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked_at: dict[int, float] = {}

    async def answers(
        self, query: InlineQuery, assistant: Assistant, presenter: Presenter, shown: Shown, reader: Reader
    ) -> None:
        """The answers of the conversation the person is in that have the words, the newest first."""
        if not self._may_ask(query.from_user.id):
            return
        words = query.query.casefold().split()
        turns = [turn for turn in reversed(await shown.path(reader)) if _is_meant(turn, words)]
        results = [result for turn in turns[:_SHOWN] if (result := _result(turn, presenter, reader))]
        button = None
        if not results:
            text = presenter.say(reader.language, "inline.none")
            button = InlineQueryResultsButton(text=text, start_parameter="inline")
        try:
            # Personal and never kept by Telegram: nobody else is shown it, and what was deleted is gone.
            await query.answer(list(results), cache_time=0, is_personal=True, button=button)
        except TelegramAPIError:
            return  # it was typed on meanwhile

    def _may_ask(self, user_id: int) -> bool:
        now, before = self._clock.now(), self._asked_at.get(user_id)
        if before is not None and now - before < _GAP_S:
            return False
        self._asked_at.pop(user_id, None)
        self._asked_at[user_id] = now
        if len(self._asked_at) > _REMEMBERED:
            del self._asked_at[next(iter(self._asked_at))]
        return True


def router(clock: Clock) -> Router:
    routes = Router(name="inline")
    routes.inline_query.register(Inline(clock).answers)
    return routes


def _is_meant(turn: Turn, words: list[str]) -> bool:
    said = f"{turn.question}\n{turn.answer}".casefold()
    return turn.status == "done" and bool(turn.answer.strip()) and all(word in said for word in words)


def _result(turn: Turn, presenter: Presenter, reader: Reader) -> InlineQueryResultArticle | None:
    parts = presenter.parts(turn.answer, links=turn.grounds is None)
    if not parts:
        return None
    return InlineQueryResultArticle(
        id=sha256(turn.id.encode()).hexdigest()[:32],
        title=shortened(turn.question or turn.answer, _TITLE),
        description=shortened(parts[0].text, _DESCRIPTION),
        input_message_content=InputTextMessageContent(
            message_text=parts[0].text,
            entities=list(parts[0].entities) or None,
            parse_mode=None,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        ),
    )
