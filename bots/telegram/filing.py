"""A file from a chat becomes a document of the library, and a message below it tells how far it is.

A process that dies on the way begins again with the same update: the message is known by its key, the same bytes under
the same name are the same document, and an edit may be made twice.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from aiogram.exceptions import TelegramBadRequest
from aiogram.types import InlineKeyboardMarkup

from assistant.api import Assistant
from assistant.errors import AssistantError, DocumentUnreadable, NotFound
from assistant.i18n import explain
from assistant.knowledge.desk import LibraryStanding
from assistant.memory.document_records import Document
from assistant.memory.mailbox import Mailbox
from assistant.memory.records import Person
from bots.telegram.answering import Answering, Reader
from bots.telegram.asking import Asking
from bots.telegram.clock import Clock
from bots.telegram.fetching import Fetched, Fetcher, NotFetched
from bots.telegram.lanes import Lanes
from bots.telegram.pacing import Pace
from bots.telegram.presenter import Part, Presenter, shortened
from bots.telegram.receipts import Receipt
from bots.telegram.sending import Sender
from bots.telegram.streaming import edited

COLLECTION: Final = "Telegram"
"""Of what is sent without saying where it belongs."""
_NAME_LENGTH: Final = 120


@dataclass(frozen=True, slots=True)
class Sent:
    """A file of a message. `name` is the sender's, `size` in bytes as Telegram says, `at` seconds since 1970."""

    file_id: str
    name: str
    size: int | None
    at: float


@dataclass(slots=True)
class About:
    """What is to be asked about so many files that were sent as one: once, when the last of them can be read or never
    will be, and only where one can."""

    question: str
    files: int = 1
    readable: set[str] = field(default_factory=set)

    def settle(self, document_id: str | None) -> bool:
        """Of one of the files, that it can be read now, or None for never. Whether it is time to ask."""
        self.files -= 1
        if document_id is not None:
            self.readable.add(document_id)
        return self.files == 0 and bool(self.question and self.readable)


@dataclass(frozen=True, slots=True)
class Removed:
    """What a document was called, empty where it was gone; `is_kept` where others brought it too or it is the
    library's, so that only one person's part in it ended."""

    name: str
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class _Progress:
    """The message that tells of one file, and what is to be asked about it and those that came with it."""

    reader: Reader
    receipt: Receipt
    message_id: int | None
    name: str
    about: About


class Filing:
    """Built once."""

    def __init__(
        self,
        assistant: Assistant,
        answering: Answering,
        asking: Asking,
        fetcher: Fetcher,
        sender: Sender,
        presenter: Presenter,
        lanes: Lanes,
        mailbox: Mailbox,
        bot_id: int,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self._assistant = assistant
        self._answering = answering
        self._asking = asking
        self._fetcher = fetcher
        self._sender = sender
        self._presenter = presenter
        self._lanes = lanes
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._clock = clock
        self._pace = pace
        self._ending = False

    def end(self) -> None:
        """Follow nothing more; the next start goes on with it."""
        self._ending = True

    async def add(
        self,
        reader: Reader,
        receipt: Receipt,
        sent: Sent,
        about: About,
        collection: str = "",
    ) -> None:
        """Put it in the library and return; how far it is, and the answer to what is asked `about` it, follow. That is
        answered from the one file that can be read, or where there are several from the library as it is then."""
        say = partial(self._presenter.say, reader.language)
        name = shortened(sent.name, _NAME_LENGTH)
        message_id = await self._answering.say(reader.target, Part(say("files.fetching", name=name)))
        progress = _Progress(reader, receipt, message_id, name, about)
        try:
            async with self._fetcher.fetched(sent.file_id, sent.size) as file:
                document, known = await self._filed(sent, file, receipt, collection or COLLECTION, reader)
        except NotFetched as error:
            self._settle(progress, None)
            await self._last(progress, say(f"files.{error.reason}", name=name))
            return
        except AssistantError as error:
            self._settle(progress, None)
            await self._last(progress, explain(error, reader.language))
            return
        if not known:
            note = partial(self._mailbox.filed.note, self._bot_id, reader.target.chat_id, document.id)
            await asyncio.to_thread(note)
        follow = partial(self._follow, progress, document.id, known=known)
        self._lanes.put(("file", document.id, message_id), receipt.holding(follow))

    async def remove(self, document_id: str, person: Person) -> Removed:
        """Out of the library with everything that was made of it, unless it is not this person's alone."""
        library = self._assistant.documents
        name, went = "", False
        try:
            name = shortened((await library.document(document_id)).source, _NAME_LENGTH)
            went = await library.remove(document_id, person_id=None if person.role == "owner" else person.id)
        except NotFound:
            name = ""
        await asyncio.to_thread(self._mailbox.filed.forget, self._bot_id, [document_id])
        return Removed(name, is_kept=bool(name) and not went)

    async def lately(self, chat_id: int, most: int) -> list[Document]:
        """What this chat added, the newest first; what was removed elsewhere is forgotten."""
        found, gone = list[Document](), list[str]()
        for id in await asyncio.to_thread(self._mailbox.filed.of, self._bot_id, chat_id):
            try:
                found.append(await self._assistant.documents.document(id))
            except NotFound:
                gone.append(id)
            if len(found) == most:
                break
        if gone:
            await asyncio.to_thread(self._mailbox.filed.forget, self._bot_id, gone)
        return found

    async def _filed(
        self, sent: Sent, file: Fetched, receipt: Receipt, collection: str, reader: Reader
    ) -> tuple[Document, bool]:
        """The document, and whether it was there before. One that could not be read is tried once more. What others
        than an owner bring goes with what they said, with the last of them where several brought it."""
        library = self._assistant.documents
        person = None if reader.person.role == "owner" else reader.person.id
        for one in await library.with_content(file.sha256):
            ours = receipt.attempt > 1 and one.added_at >= receipt.received_at
            if one.status != "failed" and not ours:
                try:
                    await library.note_bringer(one.id, person)
                except NotFound as error:
                    if error.kind != "document":
                        raise
                    continue  # removed in just this moment
                return one, True
        brought = library.upload(sent.name, file.pieces(), collection, modified_at=sent.at, person_id=person)
        return await brought, False

    async def _follow(self, progress: _Progress, document_id: str, *, known: bool) -> None:
        shown, settled = "", False
        keyboard = None if known else self._undo(progress.reader, document_id)
        while True:
            # First, or the library could end its work in between, and what is read by then would seem to wait for ever.
            standing = await self._assistant.documents.standing()
            try:
                document = await self._assistant.documents.document(document_id)
            except NotFound:
                if not settled:
                    self._settle(progress, None)
                text = self._presenter.say(progress.reader.language, "files.removed", name=progress.name)
                await self._last(progress, text)
                return
            text, is_last = await self._step(progress, document, standing, known=known)
            if not settled and (is_last or document.status == "ready"):
                settled = True
                self._settle(progress, document.id if document.status == "ready" else None)
            if is_last:
                await self._last(progress, text, keyboard)
                return
            if text != shown and progress.message_id is not None:
                edit = progress.reader.target.edit(progress.message_id, Part(text), keyboard)
                try:
                    shown = text if await edited(self._sender.show(edit)) else shown
                except TelegramBadRequest:
                    shown = text  # the person has deleted it
            if self._ending:
                raise asyncio.CancelledError
            await self._clock.sleep(self._pace.file)

    def _settle(self, progress: _Progress, document_id: str | None) -> None:
        """Ask where this was the last file that was waited for."""
        about = progress.about
        if about.settle(document_id):
            only = next(iter(about.readable)) if len(about.readable) == 1 else None
            ask = partial(self._asking.ask, progress.reader, progress.receipt, about.question, (), only)
            self._lanes.put(progress.reader.target.place, progress.receipt.holding(ask))

    async def _step(
        self, progress: _Progress, document: Document, standing: LibraryStanding, *, known: bool
    ) -> tuple[str, bool]:
        """What is told of it now, and whether that is the end of it."""
        say = partial(self._presenter.say, progress.reader.language, name=progress.name)
        if document.status == "failed":
            error = DocumentUnreadable(Path(progress.name), document.reason)
            return explain(error, progress.reader.language), True
        if document.status in {"waiting", "reading"}:
            if standing.paused or standing.stopped:
                return say(f"files.{standing.stopped or 'paused'}"), True
            if document.status == "reading":
                return say("files.reading"), False
            return say("files.queued", before=max(0, standing.count.waiting - 1)), not standing.is_working
        collections = {one.id: one.name for one in await self._assistant.documents.collections()}
        facts = {
            "collection": collections.get(document.collection_id, ""),
            "chunks": document.chunks,
            "embedded": document.embedded,
            "called": shortened(document.source, _NAME_LENGTH),
        }
        if known:
            return say("files.known", **facts), True
        if document.embedded >= document.chunks:
            return say("files.ready", **facts), True
        if standing.is_working:
            return say("files.words", **facts), False
        return say("files.words_only", **facts), True

    def _undo(self, reader: Reader, document_id: str) -> InlineKeyboardMarkup:
        return self._presenter.one_button(document_id, reader.person, "undo", reader.language)

    async def _last(self, progress: _Progress, text: str, keyboard: InlineKeyboardMarkup | None = None) -> None:
        """What the message says from now on."""
        if progress.message_id is not None:
            await self.rewrite(progress.reader, progress.message_id, text, keyboard)

    async def rewrite(
        self, reader: Reader, message_id: int, text: str, keyboard: InlineKeyboardMarkup | None = None
    ) -> None:
        """Make a message of ours say this, whoever else says so meanwhile."""
        edit = reader.target.edit(message_id, Part(text), keyboard)
        with suppress(TelegramBadRequest):  # the person has deleted it
            await edited(self._sender.send(edit, repeatable=True, patient=True))
