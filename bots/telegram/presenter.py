"""What a person sees: Markdown as text with entities, cut where Telegram wants it cut, and the buttons below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, InputRichMessage, MessageEntity
from telegramify_markdown import RenderConfig, convert

from assistant.events import ApprovalRequested, Event, Grounded, Progress, Queued, ToolCalled
from assistant.i18n import Catalogue, Language, tool_name
from assistant.memory.records import REASONS, Conversation, Person
from bots.telegram.below import Below
from bots.telegram.buttons import Buttons
from bots.telegram.markdown import TooDeep, with_every_cell
from bots.telegram.rich import rich_blocks
from bots.telegram.rich_limits import TooLarge, parts_of
from bots.telegram.rich_words import words_of
from bots.telegram.splitting import split
from bots.telegram.tables import aligned

TEXT_LIMIT: Final = 4096
"""Of one message, in UTF-16 code units."""
_TITLE_LENGTH: Final = 48
_LINKS: Final = ("http://", "https://", "tg://", "mailto:")


@dataclass(frozen=True, slots=True)
class Part:
    """One message's worth of text; entity offsets in UTF-16 code units. `rich` is the same, or as much as goes into a
    rich message, for whoever wants one."""

    text: str
    entities: tuple[MessageEntity, ...] = ()
    rich: InputRichMessage | None = None


class Presenter:
    """Sentences, texts and keyboards; it sends nothing itself."""

    def __init__(self, buttons: Buttons) -> None:
        self._sentences = Catalogue(Path(__file__).parent / "locales")
        self._buttons = buttons
        self._config = _plain_symbols()

    def say(self, language: Language, key: str, **facts: object) -> str:
        return self._sentences.text(language, key, **facts)

    def parts(self, markdown: str, *, links: bool = True) -> list[Part]:
        """The text in messages of at most 4096 units, numbered where there are several. Without `links` no words lead
        to an address: what was made from documents may hold one that somebody put there."""
        text, entities = convert(with_every_cell(markdown), config=self._config)
        if not text.strip():
            text, entities = markdown, []
        allowed = [entity for entity in entities if entity.url is None or (links and entity.url.startswith(_LINKS))]
        text, placed = aligned(text, [MessageEntity(**entity.to_dict()) for entity in allowed])
        return [Part(piece, tuple(within)) for piece, within in split(text, placed, TEXT_LIMIT)]

    def rich_parts(self, markdown: str) -> list[Part]:
        """The same as rich messages, with their words for whoever cannot be shown them; none where those would show no
        more, or Telegram would not have them."""
        try:
            parts = parts_of(rich_blocks(markdown) or [])
        except (TooDeep, TooLarge):
            return []
        return [
            # What was made from documents may hold an address: nothing in it is to be made one that can be pressed.
            Part(words_of(part), rich=InputRichMessage(blocks=part, skip_entity_detection=True))
            for part in parts
        ]

    def progress(self, event: Event, language: Language) -> str | None:
        """A sentence for the events before the first word, None for the others."""
        if isinstance(event, Grounded):
            return self.say(language, "progress.documents")
        if isinstance(event, ToolCalled):
            return self.say(language, "progress.tool", tool=tool_name(event.name, language))
        if isinstance(event, ApprovalRequested):
            return self.say(language, "progress.approval", tool=tool_name(event.approval.tool, language))
        if isinstance(event, Queued):
            return self.say(language, "progress.queued", position=event.position)
        if isinstance(event, Progress):
            return self.say(language, f"progress.{event.stage}", percent=100 * event.done // max(event.total, 1))
        return None

    def answer_keyboard(
        self, below: Below, person: Person, language: Language, rating: Literal["thumb_up", "thumb_down"] | None
    ) -> InlineKeyboardMarkup:
        """👍 👎 🔁 ✏️ with a mark at the thumb that was given, and below them what this answer has besides."""
        turn_id = below.turn_id
        up = "👍 ✓" if rating == "thumb_up" else "👍"
        down = "👎 ✓" if rating == "thumb_down" else "👎"
        labelled = ((up, "thumb_up"), (down, "thumb_down"), ("🔁", "again"), ("✏️", "edit"))
        rows = [self._row(person, [(label, action, turn_id) for label, action in labelled])]
        if below.sources:
            rows.append(self._row(person, [(f"[{one}]", "cite", f"{turn_id}:{one}") for one in below.sources]))
        if below.formed:
            rows.append(self.one_button(turn_id, person, "other_form", language))
        if below.again:
            rows.append(self.one_button(turn_id, person, "earlier", language))
        if below.cut:
            rows.append(self.one_button(turn_id, person, "go_on", language))
        return _stacked(rows)

    def reasons_keyboard(self, below: Below, person: Person, language: Language) -> InlineKeyboardMarkup:
        """That of an answer with 👎, and why that may be."""
        rows = [self.answer_keyboard(below, person, language, "thumb_down")]
        for reasons in (REASONS[:2], REASONS[2:]):
            labelled = [(self.say(language, f"reason.{reason}"), reason, below.turn_id) for reason in reasons]
            rows.append(self._row(person, labelled))
        return _stacked(rows)

    def one_button(self, turn_id: str, person: Person, action: str, language: Language) -> InlineKeyboardMarkup:
        """A button of `[one_button]` in the catalogue."""
        return self._row(person, [(self.say(language, f"one_button.{action}"), action, turn_id)])

    def again_keyboard(self, turn_id: str, person: Person) -> InlineKeyboardMarkup:
        return self._row(person, [("🔁", "again", turn_id)])

    def show_keyboard(self, turn_id: str, person: Person, language: Language) -> InlineKeyboardMarkup:
        return self._row(person, [(self.say(language, "delivery.show"), "show", turn_id)])

    def duel_keyboard(self, turn_id: str, person: Person, language: Language) -> InlineKeyboardMarkup:
        """Which of two answers is better, and that one does not want to be asked."""
        rows = [
            self._row(person, [(self.say(language, f"duel.{action}"), action, turn_id) for action in actions])
            for actions in (("first", "second"), ("both", "neither"), ("never",))
        ]
        return _stacked(rows)

    def door_keyboard(self, code: str, owner: Person, language: Language) -> InlineKeyboardMarkup:
        """To let a stranger in as one thing or another, or not."""
        rows = [
            self._row(owner, [(self.say(language, f"door.{action}"), action, code)])
            for action in ("admit", "admit_guest", "refuse")
        ]
        return _stacked(rows)

    def approval_keyboard(self, id: str, owner: Person, language: Language, *, whole: bool) -> InlineKeyboardMarkup:
        """To allow a call that is shown `whole`, or not; else only not."""
        actions = ("approve", "disallow") if whole else ("disallow",)
        return self._row(owner, [(self.say(language, f"approval.{action}"), action, id) for action in actions])

    def forget_keyboard(self, asked_at: str, person: Person, language: Language) -> InlineKeyboardMarkup:
        """Whether to delete everything of a person's."""
        return self._row(person, [(self.say(language, f"own.do_{one}"), one, asked_at) for one in ("forget", "spare")])

    def reminders_keyboard(self, labelled: Sequence[tuple[str, str]], person: Person) -> InlineKeyboardMarkup:
        """A button for each reminder, by its number, that takes it away."""
        return _stacked([self._row(person, [(label, "unremind", id)]) for label, id in labelled])

    def history_keyboard(
        self, conversations: list[Conversation], person: Person, language: Language
    ) -> InlineKeyboardMarkup:
        """One button a conversation, the one the person is in marked."""
        rows = []
        for conversation in conversations:
            title = conversation.title or self.say(language, "history.untitled")
            mark = "▸ " if conversation.id == person.conversation_id else ""
            rows += self._row(
                person, [(mark + shortened(title, _TITLE_LENGTH), "enter", conversation.id)]
            ).inline_keyboard
        return InlineKeyboardMarkup(inline_keyboard=rows)

    def column(self, person: Person, labelled: Sequence[tuple[str, str, str]]) -> InlineKeyboardMarkup:
        """One button below the other: a label, an action and an id each."""
        return _stacked([self._row(person, [one]) for one in labelled])

    def _row(self, person: Person, labelled: list[tuple[str, str, str]]) -> InlineKeyboardMarkup:
        row = [
            InlineKeyboardButton(text=label, callback_data=self._buttons.data(action, target, person.id))
            for label, action, target in labelled
        ]
        return InlineKeyboardMarkup(inline_keyboard=[row])


def _stacked(rows: list[InlineKeyboardMarkup]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[row for one in rows for row in one.inline_keyboard])


def shortened(text: str, length: int) -> str:
    """On one line, with an ellipsis where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def _plain_symbols() -> RenderConfig:
    # The library marks headings with emojis; bold and underline are enough here.
    config = RenderConfig.isolated()
    symbols = config.markdown_symbol
    symbols.heading_level_1 = symbols.heading_level_2 = symbols.heading_level_3 = symbols.heading_level_4 = ""
    symbols.unordered_list_item = "•"
    return config
