"""The Telegram face: built once, runs beside the page on the same event loop."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.types import Update
from aiogram.utils.token import TokenValidationError
from pydantic import SecretStr

from assistant.api import Assistant
from assistant.config import TelegramSettings
from assistant.errors import SettingsError
from assistant.i18n import Language
from bots.telegram.answering import Answering
from bots.telegram.buttons import Buttons
from bots.telegram.clock import Clock
from bots.telegram.handlers import buttons as pressed
from bots.telegram.handlers import conversations, corrections, documents, duels, questions, start, stop
from bots.telegram.lanes import Lanes
from bots.telegram.leftovers import Leftovers, Settle
from bots.telegram.menu import set_menu
from bots.telegram.middlewares import Access, Explain, Notices
from bots.telegram.places import Places
from bots.telegram.polling import Poller, TokenRefused, Trouble
from bots.telegram.presenter import Presenter
from bots.telegram.sending import Pace, Sender

_log = logging.getLogger(__name__)
_STOP_GRACE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class BotStatus:
    """How the connection stands; `last_error` is a sentence for the person who runs Patina, empty when all is well."""

    connected: bool = False
    username: str = ""
    last_error: str = ""


class TelegramBot:
    """One bot of one token. Nothing is opened before `run`."""

    def __init__(
        self,
        assistant: Assistant,
        settings: TelegramSettings,
        language: Language,
        *,
        clock: Clock | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`language` is that of `status` and of people whose client does not name theirs."""
        if settings.token is None:
            raise SettingsError(key="telegram.token", reason="it is not set")
        self._token: SecretStr = settings.token
        self._api_root = settings.api_root
        self._assistant = assistant
        self._language = language
        self._clock = clock or Clock()
        self._pace = pace or Pace()
        self._presenter = Presenter(Buttons(self._token))
        self._lanes = Lanes()
        self._status = BotStatus()

    @property
    def status(self) -> BotStatus:
        return self._status

    async def run(self) -> None:
        """Until cancelled; answers being written are then given a little time to arrive.

        Returns by itself only when Telegram refuses the token, which `status` and the log then say.
        """
        try:
            bot = self._open()
        except TokenValidationError:
            self._report("token", "malformed")
            return
        sender = Sender(bot, self._clock)
        answering = Answering(self._assistant, sender, self._presenter, self._clock, self._pace)
        dispatcher = self._dispatcher(sender, answering)
        poller = Poller(bot, self._clock, dispatcher.resolve_used_update_types(), self._report)
        try:
            me = await poller.me()
            self._status = BotStatus(connected=True, username=me.username or "")
            _log.info("telegram: @%s is connected", me.username)
            await set_menu(bot, self._presenter)
            async for update in poller.updates():
                self._lanes.put(_lane(update), partial(dispatcher.feed_update, bot, update))
        except TokenRefused:
            return
        finally:
            await self._end(answering, poller)
            await bot.session.close()

    def _open(self) -> Bot:
        api = TelegramAPIServer.from_base(self._api_root) if self._api_root else PRODUCTION
        return Bot(self._token.get_secret_value(), session=AiohttpSession(api=api))

    def _dispatcher(self, sender: Sender, answering: Answering) -> Dispatcher:
        leftovers, buttons = Leftovers(self._clock), Buttons(self._token)
        dispatcher = Dispatcher(
            disable_fsm=True,
            assistant=self._assistant,
            sender=sender,
            answering=answering,
            presenter=self._presenter,
            buttons=buttons,
            lanes=self._lanes,
            places=Places(self._assistant),
            notices=Notices(self._clock),
            leftovers=leftovers,
        )
        dispatcher.update.outer_middleware(Access(self._assistant, self._language))
        dispatcher.update.outer_middleware(Explain(answering))
        dispatcher.message.outer_middleware(Settle(leftovers, buttons, self._presenter, sender, self._lanes))
        dispatcher.include_routers(
            start.router(),
            stop.router(),
            conversations.router(),
            corrections.router(),
            duels.router(),
            documents.router(),
            pressed.router(),
            questions.router(),
        )
        return dispatcher

    async def _end(self, answering: Answering, poller: Poller) -> None:
        if not await self._lanes.drain(self._pace.grace):
            for turn_id in answering.turns:
                await self._assistant.stop(turn_id)
            await self._lanes.drain(_STOP_GRACE_S)
        left = await self._lanes.cancel()
        if left:
            _log.warning("telegram: %d messages were not answered before the end", left)
        if self._status.connected:
            await poller.confirm()
        self._status = BotStatus(username=self._status.username, last_error=self._status.last_error)

    def _report(self, trouble: Trouble | None, detail: str) -> None:
        if trouble is None:
            self._status = BotStatus(connected=True, username=self._status.username)
            return
        text = self._presenter.say(self._language, f"trouble.{trouble}")
        self._status = BotStatus(username=self._status.username, last_error=text)
        _log.error("telegram: %s (%s)", self._presenter.say("en", f"trouble.{trouble}"), detail)


def _lane(update: Update) -> Hashable:
    """A chat's messages wait for each other; what must not wait for an answer being written has lanes of its own."""
    message, query, stopped = update.message, update.callback_query, update.stopped_message_generation
    if stopped is not None or (message is not None and (message.text or "").split("@")[0].split(" ")[0] == "/stop"):
        return "stop", update.update_id
    if query is not None:
        return "buttons", query.from_user.id
    if message is not None:
        return message.chat.id, message.message_thread_id if message.is_topic_message else None
    return "other", update.update_id
