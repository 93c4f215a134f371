"""What people said of answers in conversations, and the questions among them that can be asked again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from assistant.i18n import Language, language_of_text
from assistant.learning.evidence import TABLE, heard, thumbs
from assistant.learning.panel import Panel, Told, panel_of
from assistant.memory.openings import Opening, OpeningStore
from assistant.memory.signals import OWNER, SignalStore
from assistant.memory.signals import Preference as Pair
from assistant.prompting.orders import orders
from assistant.prompting.preference import Rating
from assistant.prompting.task import Item

_MOST_QUESTIONS: Final = 240
_MOST_OF_ONE: Final = 60
"""Of those, that one person from outside has asked: the others need questions of their own."""
_LONGEST_QUESTION: Final = 600


@dataclass(frozen=True, slots=True)
class Heard:
    """The judges that ratings make, the questions that can be asked again, and who asked each; `erasures` is how much
    had been deleted before it was read."""

    panel: Panel
    asked: Sequence[Item]
    askers: Mapping[str, frozenset[str]]
    erasures: int


class ChatEvidence:
    """Reads it of the answers to one prompt; what was read last is kept, for judges are made of it."""

    def __init__(
        self,
        openings: OpeningStore,
        signals: SignalStore,
        prompt: str,
        trusted: Callable[[], Collection[str] | None],
    ) -> None:
        self._openings = openings
        self._signals = signals
        self._prompt = prompt
        self._trusted = trusted
        self._panels: dict[Language, tuple[bytes, Panel]] = {}
        """What was made last, by the digest of what it was made of."""

    @property
    def erasures(self) -> int:
        """How much was deleted so far: what was read before the last time may quote what is gone."""
        return self._openings.erasures

    def of(self, language: Language) -> Heard:
        erasures = self.erasures
        openings = self._openings.of(self._prompt, language)
        pairs = [
            one
            for one in self._signals.preferences()
            if one.person == OWNER and language_of_text(one.question) == language
        ]
        panel = self._panel(language, told(openings, pairs, self._trusted()))
        return Heard(panel, questions(openings), asked_by(openings), erasures)

    def forget_gone(self, language: Language, asked: Sequence[Item]) -> None:
        """Let go of what learning wrote down meanwhile of questions that were deleted after they had been read."""
        there = {one.question.strip() for one in self._openings.of(self._prompt, language)}
        self._openings.forget_quotations([one.input for one in asked if one.input not in there])

    def _panel(self, language: Language, said: list[Told]) -> Panel:
        """Made anew only of something new: each stranger among those who said it costs a judge."""
        digest = hashlib.sha256(repr(said).encode()).digest()
        known = self._panels.get(language)
        if known is None or known[0] != digest:
            known = self._panels[language] = digest, panel_of(said)
        return known[1]


def told(openings: Sequence[Opening], pairs: Sequence[Pair], trusted: Collection[str] | None = None) -> list[Told]:
    """What people said of answers, as far as it is heard, and of two answers to one question what the owner kept of an
    edit or chose in a duel and what not. Nobody is heard twice about the same answer."""
    turns: dict[str, Opening] = {turn.turn_id: one for one in openings for turn in one.rated}
    rated = sorted((turn for one in openings for turn in one.rated), key=lambda turn: turn.answered_at)
    found: dict[tuple[str, str, str], Rating] = {}
    for turn, said in heard(rated, trusted):
        one = turns[turn.turn_id]
        if one.answer.strip():
            rating = Rating(one.question, one.answer, said.label, one.conversation_id, said.weight)
            found[turn.person, turn.turn_id, one.answer] = rating
    for pair in sorted(pairs, key=lambda pair: -TABLE[pair.kind].weight):
        for turn_id, answer, label in (
            (pair.turn_id, pair.better, 1.0),
            (pair.other_turn_id or pair.turn_id, pair.worse, pair.measure or 0.0),
        ):
            rating = Rating(pair.question, answer, label, pair.conversation_id, thumbs(pair.kind))
            found.setdefault((pair.person, turn_id, answer), rating)
    return [(person, rating) for (person, _, _), rating in found.items()]


def asked_by(openings: Sequence[Opening]) -> dict[str, frozenset[str]]:
    """Who asked each question."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in openings:
        found[one.question.strip()].add(one.asker)
    return {question: frozenset(people) for question, people in found.items()}


def questions(openings: Sequence[Opening]) -> list[Item]:
    """The newest questions that can be asked again. No answer is right to them: an answer is judged by how it is built,
    so that what is accepted of each is the question itself."""
    found: dict[str, Item] = {}
    of_one: Counter[str] = Counter()
    for one in reversed(openings):
        asked = one.question.strip()
        usable = 0 < len(asked) <= _LONGEST_QUESTION and not orders(asked)
        if usable and (one.asker == OWNER or (one.rated and of_one[one.asker] < _MOST_OF_ONE)):
            digest = hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()[:16]
            if digest not in found:
                found[digest] = Item(digest, asked, (asked,), one.conversation_id)
                of_one[one.asker] += 1
        if len(found) == _MOST_QUESTIONS:
            break
    return list(found.values())
