"""The Telegram face: built once, runs beside the page on the same event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import Message, Update
from aiogram.utils.token import TokenValidationError
from pydantic import SecretStr

from assistant.api import Assistant
from assistant.bot_token import bot_token
from assistant.config import TelegramSettings
from assistant.errors import NotFound, SettingsError
from assistant.i18n import Language
from assistant.memory.mailbox import Mailbox
from assistant.paths import Paths
from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering
from bots.telegram.asking import Asking
from bots.telegram.buttons import Buttons
from bots.telegram.clock import Clock
from bots.telegram.connection import Session
from bots.telegram.delivery import Delivery
from bots.telegram.drawn import Drawn
from bots.telegram.fetching import Fetcher
from bots.telegram.filing import Filing
from bots.telegram.forms import Forms
from bots.telegram.handlers import (
    albums,
    approvals,
    branches,
    conversations,
    corrections,
    documents,
    door,
    duels,
    edited,
    files,
    forms,
    inline,
    origins,
    own,
    photos,
    questions,
    reactions,
    reminders,
    start,
    stop,
    voice,
)
from bots.telegram.handlers import buttons as pressed
from bots.telegram.intake import Intake
from bots.telegram.joining import Joining
from bots.telegram.lanes import Lanes
from bots.telegram.leftovers import Leftovers, Settle
from bots.telegram.menu import set_menu
from bots.telegram.middlewares import Access, Explain, Notices
from bots.telegram.pacing import Budgets, Pace
from bots.telegram.places import Places
from bots.telegram.polling import Poller, TokenRefused, Trouble
from bots.telegram.presenter import Presenter
from bots.telegram.receipts import Receipt
from bots.telegram.reminding import Reminding
from bots.telegram.rights import Rights
from bots.telegram.searching import Search
from bots.telegram.sending import Sender
from bots.telegram.shown import Shown
from bots.telegram.watching import Watching
from bots.telegram.webhook import Webhook, secret_of

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
        paths: Paths,
        *,
        clock: Clock | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`language` is that of `status` and of people whose client does not name theirs; `paths` is the bot's own
        home, on whichever machine the assistant is."""
        token = bot_token(settings)
        if token is None:
            raise SettingsError(key="telegram.token", reason="it is not set")
        self._token: SecretStr = token
        self._settings = settings
        self._assistant = assistant
        self._language = language
        self._paths = paths
        self._clock = clock or Clock()
        self._pace = pace or Pace()
        self._presenter = Presenter(Buttons(self._token))
        self._lanes = Lanes()
        self._status = BotStatus()

    @property
    def status(self) -> BotStatus:
        return self._status

    async def run(self) -> None:
        """Until cancelled; answers being written are then given a little time to arrive, and what does not is taken up
        again at the next start.

        Returns by itself only when Telegram refuses the token, which `status` and the log then say.
        """
        try:
            bot, listener = self._open(), self._open()
        except TokenValidationError:
            self._status = BotStatus(last_error=self._trouble("token", "malformed"))
            return
        mailbox = await asyncio.to_thread(Mailbox.open, self._paths.mailbox, self._paths.backups, self._clock.time)
        try:
            await self._run(bot, listener, mailbox)
        finally:
            await bot.session.close()
            await listener.session.close()
            await asyncio.to_thread(mailbox.close)

    async def _run(self, bot: Bot, listener: Bot, mailbox: Mailbox) -> None:
        await asyncio.to_thread(mailbox.tidy)
        shut = partial(mailbox.shut, bot.id)
        drawn = Drawn(mailbox, bot.id)
        sender = Sender(bot, self._clock, Budgets(self._clock, shut, mailbox.waits(bot.id)), self._pace, drawn)
        search = Search(mailbox, bot.id, sender, self._clock)
        delivery = Delivery(mailbox, bot.id, sender, search, self._exists, self._clock)
        answering = Answering(self._assistant, sender, delivery, self._presenter, self._clock, self._pace)
        reminding = Reminding(self._assistant, mailbox, bot.id, answering, self._presenter, self._clock)
        places = Places(self._assistant, mailbox, bot.id)
        asking = Asking(self._assistant, answering, places, self._presenter, self._lanes)
        fetcher = Fetcher(bot, sender)
        filing = Filing(
            self._assistant, answering, asking, fetcher, sender, self._presenter, self._lanes, mailbox, bot.id,
            self._clock, self._pace,
        )  # fmt: skip
        shown = Shown(self._assistant, mailbox, bot.id, Buttons(self._token), places)
        addressing = Addressing(bot, self._settings.group_words)
        dispatcher = self._dispatcher(
            sender, delivery, answering, places, reminding, asking, fetcher, filing, shown, addressing,
            Forms(mailbox, bot.id), Rights(Buttons(self._token), drawn, delivery, self._presenter, sender),
        )  # fmt: skip

        async def handle(update: Update, receipt: Receipt | None, pieces: Sequence[Message]) -> None:
            await dispatcher.feed_update(bot, update, receipt=receipt, pieces=pieces)

        def report(trouble: Trouble | None, detail: str) -> None:
            text = "" if trouble is None else self._trouble(trouble, detail)
            self._status = BotStatus(trouble is None, self._status.username, text)
            mailbox.connection(self._status.username, trouble or "")

        joining = Joining(self._clock, self._pace.join)
        intake = Intake(bot, mailbox, self._lanes, joining, self._heard, handle)
        kinds = dispatcher.resolve_used_update_types()
        poller = Poller(listener, self._clock, kinds, report, intake.take, self._pace.poll)
        mailbox.connection("", "connecting", started=True)
        try:
            me = await poller.me()
            self._status = BotStatus(connected=True, username=me.username or "")
            mailbox.connection(self._status.username, "")
            _log.info("telegram: @%s is connected", me.username)
            undelivered, unanswered = await delivery.resume(), await intake.resume()
            if undelivered or unanswered:
                _log.warning("telegram: %d messages to send and %d to answer from before", undelivered, unanswered)
            await set_menu(bot, self._presenter)
            watching = Watching(self._assistant, reminding, answering, self._presenter, self._clock, self._language)
            beside = [asyncio.create_task(one.run()) for one in (reminding, watching)]
            try:
                await self._receive(poller, intake)
            finally:
                for task in beside:
                    task.cancel()
        except TokenRefused:
            return
        except (TelegramBadRequest, OSError) as error:
            self._status = BotStatus(last_error=self._trouble("webhook", str(error)))
            mailbox.connection(self._status.username, "webhook")
        finally:
            filing.end()
            await self._end(answering, delivery, poller, mailbox)

    async def _receive(self, poller: Poller, intake: Intake) -> None:
        if self._settings.webhook is None:
            await poller.run()
            return
        secret = secret_of(self._token)
        async with Webhook(secret, intake.take).listening(self._settings.webhook_port):
            await poller.deliver_to(self._settings.webhook, secret)
            await asyncio.Event().wait()

    def _open(self) -> Bot:
        api = TelegramAPIServer.from_base(self._settings.api_root) if self._settings.api_root else PRODUCTION
        proxy = self._settings.proxy.get_secret_value() if self._settings.proxy is not None else None
        try:
            session = Session(api=api, proxy=proxy)
        except RuntimeError as error:  # what aiogram raises where the package is missing
            raise SettingsError(key="telegram.proxy", reason="proxy_package") from error
        return Bot(self._token.get_secret_value(), session=session)

    def _dispatcher(
        self,
        sender: Sender,
        delivery: Delivery,
        answering: Answering,
        places: Places,
        reminding: Reminding,
        asking: Asking,
        fetcher: Fetcher,
        filing: Filing,
        shown: Shown,
        addressing: Addressing,
        forms_of: Forms,
        rights: Rights,
    ) -> Dispatcher:
        leftovers, buttons = Leftovers(self._clock), Buttons(self._token)
        dispatcher = Dispatcher(
            disable_fsm=True,
            assistant=self._assistant,
            sender=sender,
            delivery=delivery,
            answering=answering,
            presenter=self._presenter,
            buttons=buttons,
            lanes=self._lanes,
            places=places,
            reminding=reminding,
            asking=asking,
            fetcher=fetcher,
            filing=filing,
            shown=shown,
            addressing=addressing,
            forms_of=forms_of,
            notices=Notices(self._clock),
            leftovers=leftovers,
        )
        dispatcher.update.outer_middleware(Access(self._assistant, forms_of, self._language))
        dispatcher.update.outer_middleware(Explain(answering))
        settle = Settle(self._assistant, leftovers, buttons, self._presenter, sender, self._lanes)
        dispatcher.message.outer_middleware(settle)
        for kind, observer in dispatcher.observers.items():
            if kind not in ("update", "error"):
                observer.middleware(rights)
        commands = Router(name="commands")
        commands.message.filter(F.forward_origin.is_(None))  # forwarded, it is what somebody else once said
        commands.include_routers(
            door.router(),
            approvals.router(),
            start.router(),
            own.router(),
            reminders.router(),
            stop.router(),
            conversations.router(),
            branches.router(),
            corrections.router(),
            origins.router(),
            duels.router(),
            documents.router(),
            forms.router(),
            files.keeping(),
        )
        dispatcher.include_routers(
            commands,
            edited.router(),
            reactions.router(),
            inline.router(self._clock),
            pressed.router(),
            albums.router(),
            files.router(),
            photos.router(),
            voice.router(),
            questions.router(),
        )
        return dispatcher

    async def _heard(self, user_id: int) -> bool:
        return await self._assistant.people.find("telegram", str(user_id)) is not None

    async def _exists(self, turn_id: str) -> bool:
        try:
            await self._assistant.turn(turn_id)
        except NotFound:
            return False
        return True

    async def _end(self, answering: Answering, delivery: Delivery, poller: Poller, mailbox: Mailbox) -> None:
        """aiogram's own polling would leave handlers running; these have ended, or are taken up at the next start."""
        self._lanes.end()
        if not await self._lanes.drain(self._pace.grace):
            await answering.end()
            await self._lanes.drain(_STOP_GRACE_S)
        left = await self._lanes.cancel()
        await delivery.close()
        if left:
            _log.warning("telegram: %d messages are answered after the next start", left)
        if self._status.connected:
            await poller.confirm()
            mailbox.connection(self._status.username, "ended")
        self._status = BotStatus(username=self._status.username, last_error=self._status.last_error)

    def _trouble(self, trouble: Trouble, detail: str) -> str:
        _log.error("telegram: %s (%s)", self._presenter.say("en", f"trouble.{trouble}"), detail)
        return self._presenter.say(self._language, f"trouble.{trouble}")
