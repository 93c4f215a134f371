"""`patina chat`: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from assistant.cli.answer import Outcome, draw
from assistant.cli.approvals import ask_owner
from assistant.cli.from_documents import Collection, Documents
from assistant.cli.home import Door, model_name, open_assistant
from assistant.cli.judging import Judging
from assistant.cli.sources import place
from assistant.cli.terminal import Terminal
from assistant.errors import AssistantError, NotFound
from assistant.events import Event
from assistant.i18n import explain
from assistant.knowledge.framing import visible
from assistant.memory.records import Conversation, DocumentChoice, DocumentMode

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyBindings


def chat(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Option("--model", "-m", show_default=False)] = None,
    conversation: Annotated[str | None, typer.Option("--conversation", "-c", show_default=False)] = None,
    documents: Documents = None,
    collection: Collection = "",
) -> None:
    terminal: Terminal = ctx.obj
    terminal.run(_chat(terminal, model, conversation, documents, collection))


async def _chat(
    terminal: Terminal, model: str | None, conversation: str | None, documents: DocumentMode | None, collection: str
) -> None:
    async with open_assistant(terminal) as assistant:
        session = _session(terminal)
        choice = None if documents is None and not collection else DocumentChoice(documents or "always", collection)
        await ChatSession(terminal, assistant, session, model_name(model), conversation, choice).run()


def _session(terminal: Terminal) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory

    history = terminal.paths.home / "history"
    history.touch(mode=0o600)
    return PromptSession(history=FileHistory(str(history)), key_bindings=_keys())


def _keys() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        """Alt-Enter, or Esc and then Enter."""
        event.current_buffer.insert_text("\n")

    return keys


class ChatSession:
    """Reads lines until /quit or the end of input. `conversation` None begins one with the first question."""

    def __init__(
        self,
        terminal: Terminal,
        assistant: Door,
        session: PromptSession[str],
        model: str | None,
        conversation: str | None,
        documents: DocumentChoice | None = None,
    ) -> None:
        self._documents = documents
        self._terminal = terminal
        self._assistant = assistant
        self._session = session
        self._model = model
        self._conversation = conversation
        self._listed: list[Conversation] = []
        self._last_turn = ""
        judging = self._judging = Judging(terminal, assistant, lambda: self._last_turn)
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "/new": self._new,
            "/list": self._list,
            "/open": self._open,
            "/model": self._choose_model,
            "/regenerate": self._regenerate,
            "/again": self._regenerate,
            "/earlier": self._earlier,
            "/good": judging.good,
            "/bad": judging.bad,
            "/unrate": judging.unrated,
            "/edit": judging.edit,
            "/better": self._better,
            "/why": judging.why,
            "/documents": self._choose_documents,
            "/source": self._source,
            "/help": self._help,
        }

    async def run(self) -> None:
        if self._conversation is not None:
            await self._open(self._conversation)
        self._terminal.say("chat.welcome")
        while True:
            try:
                line = (await self._session.prompt_async("› ")).strip()
            except KeyboardInterrupt:
                continue  # Ctrl-C empties the line; Ctrl-D and /quit leave
            except EOFError:
                return
            command, _, argument = line.partition(" ")
            if command == "/quit":
                return
            if not line:
                continue
            try:
                if command.startswith("/") and "/" not in command[1:]:
                    await self._commands.get(command, self._unknown)(argument.strip() or "")
                else:
                    await self._ask(line)
            except AssistantError as error:
                self._terminal.note(explain(error, self._terminal.language))

    async def _ask(self, text: str) -> None:
        if self._conversation is None:
            self._conversation = (await self._assistant.new_conversation()).id
            await self._keep_choice()
        events = await self._assistant.reply(self._conversation, text, face="terminal", model=self._model, duel=True)
        await self._draw(events)
        await self._judging.compare(self._last_turn, self._rival)

    async def _rival(self, events: AsyncGenerator[Event, None]) -> None:
        """A second answer to what was asked last; the first one stays the last."""
        await self._drawn(events)

    async def _better(self, choice: str) -> None:
        await self._judging.better(choice)
        if self._conversation is not None and (turns := await self._assistant.history(self._conversation)):
            self._last_turn = turns[-1].id

    async def _regenerate(self, _: str) -> None:
        if not self._last_turn:
            self._terminal.say("chat.nothing_to_regenerate")
            return
        await self._draw(await self._assistant.regenerate(self._last_turn, face="terminal", model=self._model))

    async def _earlier(self, _: str) -> None:
        """Back to the answer before the last one to the same question."""
        turns = await self._assistant.history(self._conversation) if self._conversation is not None else []
        siblings = turns[-1].siblings if turns else ()
        place = siblings.index(turns[-1].id) if turns and turns[-1].id in siblings else 0
        if not place:
            self._terminal.say("chat.none_earlier")
            return
        await self._assistant.select_branch(siblings[place - 1])
        shown = (await self._assistant.history(turns[-1].conversation_id))[-1]
        self._last_turn = shown.id
        self._terminal.write(f"{visible(shown.answer).strip()}\n")

    async def _draw(self, events: AsyncGenerator[Event, None]) -> None:
        self._last_turn = await self._drawn(events)

    async def _drawn(self, events: AsyncGenerator[Event, None]) -> str:
        """Returns the turn."""
        outcome = Outcome()
        with _interrupts(lambda: self._stop(outcome)):
            await draw(
                self._terminal,
                events,
                outcome,
                silent=False,
                decide=partial(ask_owner, self._terminal, self._assistant),
            )
        if outcome.error is not None:
            self._last_turn = outcome.turn_id
            raise outcome.error
        if outcome.finished is not None and outcome.finished.finish_reason == "stopped":
            self._terminal.say("chat.stopped")
        elif outcome.finished is not None and outcome.finished.finish_reason == "length":
            self._terminal.say("chat.cut")
        return outcome.turn_id

    async def _stop(self, outcome: Outcome) -> None:
        if outcome.turn_id:
            await self._assistant.stop(outcome.turn_id, face="terminal")

    async def _new(self, _: str) -> None:
        self._conversation, self._last_turn = None, ""
        self._terminal.say("chat.new")

    async def _list(self, _: str) -> None:
        self._listed = await self._assistant.conversations(limit=20)
        if not self._listed:
            self._terminal.say("conversations.none")
        for number, found in enumerate(self._listed, 1):
            mark = "*" if found.id == self._conversation else " "
            title = found.title or self._terminal.text("conversations.untitled")
            self._terminal.write(f"{mark}{number:>3}  {title}")

    async def _open(self, wanted: str) -> None:
        """By its number in the last /list, or by its id."""
        number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 4 else 0
        if number and not self._listed:
            self._listed = await self._assistant.conversations(limit=20)
        if number and number > len(self._listed):
            raise NotFound(kind="conversation", id=wanted)
        found = self._listed[number - 1] if number else await self._assistant.conversation(wanted)
        turns = await self._assistant.history(found.id)
        self._conversation = found.id
        await self._keep_choice()
        self._last_turn = turns[-1].id if turns else ""
        for turn in turns:
            self._terminal.write(f"› {turn.question}\n")
            self._terminal.write(f"{turn.answer}\n")

    async def _choose_model(self, name: str) -> None:
        known = await self._assistant.models()
        if name:
            self._model = model_name(name)
            self._terminal.say("chat.model", name=name)
            return
        for info in known:
            if info.installed:
                mark = "*" if info.name == self._model or (self._model is None and info.current) else " "
                self._terminal.write(f"{mark} {info.name}")

    async def _choose_documents(self, said: str) -> None:
        """Nothing said shows how it is."""
        mode, _, collection = said.partition(" ")
        if mode in get_args(DocumentMode):
            self._documents = DocumentChoice(cast("DocumentMode", mode), collection.strip())
            await self._keep_choice()
        elif mode:
            self._terminal.say("chat.unknown_command")
            return
        elif self._conversation is not None:
            self._documents = await self._assistant.citations.choice(self._conversation)
        now = self._documents or DocumentChoice()
        self._terminal.say(f"chat.documents_{now.mode}")
        if now.collection:
            self._terminal.say("chat.collection", name=now.collection)

    async def _keep_choice(self) -> None:
        if self._conversation is not None and self._documents is not None:
            await self._assistant.citations.choose(self._conversation, self._documents.mode, self._documents.collection)

    async def _source(self, said: str) -> None:
        """The passage behind a number of the last answer, or that it does not say what the answer says it does."""
        number, _, word = said.partition(" ")
        if word.strip() not in {"", "wrong"}:
            self._terminal.say("chat.unknown_command")
            return
        if not self._last_turn or not (number.isascii() and number.isdigit()):
            raise NotFound(kind="citation", id=number)
        if word:
            await self._assistant.citation(self._last_turn, int(number), wrong=True, face="terminal")
            self._terminal.say("chat.noted")
            return
        opened = await self._assistant.citations.citation(self._last_turn, int(number))
        passage = opened.passage
        self._terminal.write(f"── {visible(passage.name)}, {place(self._terminal, passage)}\n")
        self._terminal.write(f"{visible(passage.text).strip()}\n")
        await self._assistant.citation(self._last_turn, int(number), wrong=False, face="terminal")

    async def _help(self, _: str) -> None:
        self._terminal.write(self._terminal.text("chat.help"))

    async def _unknown(self, _: str) -> None:
        self._terminal.say("chat.unknown_command")


@contextmanager
def _interrupts(stop: Callable[[], Awaitable[Any]]) -> Iterator[None]:
    """While inside, Ctrl-C calls `stop` instead of ending the program."""
    loop = asyncio.get_running_loop()
    stopping: set[asyncio.Future[Any]] = set()

    def interrupted() -> None:
        stopping.add(asyncio.ensure_future(stop()))

    # Not loop.add_signal_handler: Windows has none.
    before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupted))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
