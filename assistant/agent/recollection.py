"""What the model is reminded of with the newest question: what was said before, in other conversations, and what holds.

It stands with that question and nowhere else, so that all before it stays as it was and need not be read again. What is
not clearly about the question is left out: an answer without memories is better than one with the wrong ones.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from assistant.events import Remembered
from assistant.i18n import Language
from assistant.memory.facts import FactStore
from assistant.memory.ranking import Weights
from assistant.memory.recall import Recall
from assistant.memory.recollections import RecollectionStore
from assistant.memory.records import Fact, Recalled, Turn, Utterance
from assistant.memory.utterances import UtteranceStore
from assistant.prompting.library import PromptLibrary

_log = logging.getLogger(__name__)
_CONSIDERED: Final = 12
_SHARE: Final = 8
"""At most an eighth of the window is filled with memories."""
_MOST_TOKENS: Final = 800
_BYTES_A_TOKEN: Final = 3
"""Fewer than a token has on average, so that what is estimated fits."""
_AROUND_LINE: Final = 30
_LONGEST: Final = 400
"""Characters of an utterance that are shown; of one around it, half as many."""
_WORDS: Final = 0.35
"""Share of what is asked that must occur in an utterance, or """
_MEANING: Final = 0.5
"""its cosine with the question, whitened."""
_KINDS: Final = {
    "words": ("words", "words_best", "rare", "window", "window_best"),
    "meaning": ("meaning", "meaning_best", "both"),
    "neighbours": ("before", "after", "meaning_before", "meaning_after", "answers"),
    "conversation": ("conversation_words", "conversation_window", "conversation_meaning"),
    "speaker": ("speaker", "own"),
    "time": ("time", "when", "counts", "dated"),
}
_SHOWN_KINDS: Final = 3


@dataclass(frozen=True, slots=True)
class Reminder:
    """Text to stand before a question, and what is in it."""

    text: str = ""
    remembered: tuple[Remembered, ...] = ()
    facts: int = 0


class Recollection:
    """Built once. `on` may be changed at any time; whatever fails is logged and costs no answer."""

    def __init__(
        self,
        recall: Recall,
        utterances: UtteranceStore,
        store: RecollectionStore,
        facts: FactStore,
        prompts: PromptLibrary,
        *,
        on: bool = True,
        today: Callable[[], dt.date] = dt.date.today,
    ) -> None:
        self._recall = recall
        self._utterances = utterances
        self._store = store
        self._facts = facts
        self._prompts = prompts
        self._today = today
        self.on = on

    async def remind(
        self, newest: Turn, shown: Sequence[Turn], language: Language, window: int, *, facts_only: bool = False
    ) -> Reminder:
        """For the answer to `newest`, where the turns `shown` are in the prompt already; `window` is in tokens. With
        `facts_only` of nothing that was said in other conversations."""
        if not self.on:
            return Reminder()
        try:
            return await asyncio.to_thread(
                self._remind, newest, {one.id for one in shown}, language, window, facts_only
            )
        except Exception:
            _log.exception("turn %s is answered without memories", newest.id)
            return Reminder()

    def _remind(self, newest: Turn, shown: set[str], language: Language, window: int, facts_only: bool) -> Reminder:
        scope = self._utterances.scope(newest.conversation_id, newest.person_id)
        if scope is None or not newest.question.strip():
            return Reminder()
        room = min(window // _SHARE, _MOST_TOKENS) * _BYTES_A_TOKEN
        facts = _fitting(self._facts.pinned(scope), room // 2)
        room -= sum(len(fact.text.encode()) + _AROUND_LINE for fact in facts)
        if facts_only:
            return Reminder(self._text(facts, (), language), (), len(facts))
        found = self._recall.recall(newest.question, scope, limit=_CONSIDERED, today=self._today())
        seen = shown | {newest.id, *newest.siblings}
        considered = [one for one in found if one.utterance.turn_id not in seen]
        chosen = self._chosen([one for one in considered if _tells(one)], seen, room)
        old = self._facts.superseded_in([one.turn_id for one in chosen])
        remembered = tuple(replace(one, superseded=one.turn_id in old and one.role == "user") for one in chosen)
        if considered:
            self._store.keep(newest.id, considered, remembered)
        return Reminder(self._text(facts, remembered, language), remembered, len(facts))

    def _chosen(self, telling: Sequence[Recalled], seen: set[str], room: int) -> list[Remembered]:
        """The most telling for the room there is, each with what it follows, in the order they were said."""
        chosen: dict[int, Remembered] = {}
        before = {one.id: one for one in self._utterances.read(_previous(telling))}
        for recalled in telling:
            said = recalled.utterance
            pieces = [_shown(said, why(recalled, self._recall.weights), _LONGEST)]
            earlier = before.get(said.previous_id or 0)
            if earlier is not None and earlier.turn_id not in seen and earlier.text.strip():
                pieces.insert(0, _shown(earlier, ("around",), _LONGEST // 2))
            new = [one for one in pieces if one.utterance_id not in chosen]
            cost = sum(len(one.text.encode()) + _AROUND_LINE for one in new)
            if cost > room:
                continue
            room -= cost
            for one in pieces:
                if one.utterance_id not in chosen or chosen[one.utterance_id].why == ("around",):
                    chosen[one.utterance_id] = one
        return sorted(chosen.values(), key=lambda one: (one.said_at, one.utterance_id))

    def _text(self, facts: Sequence[Fact], remembered: Sequence[Remembered], language: Language) -> str:
        blocks = []
        if facts:
            lines = "\n".join(f"- {_one_line(fact.text)}" for fact in facts)
            blocks.append(self._prompts.get("known", language).render(lines=lines))
        if remembered:
            lines = "\n".join(_line(one, self._prompts.get("outdated", language).render()) for one in remembered)
            blocks.append(self._prompts.get("recalled", language).render(lines=lines))
        return "\n\n".join(blocks)


def _tells(recalled: Recalled) -> bool:
    return recalled.signals["words"] >= _WORDS or recalled.signals["meaning"] >= _MEANING


def _previous(found: Iterable[Recalled]) -> list[int]:
    return [one.utterance.previous_id for one in found if one.utterance.previous_id is not None]


def why(recalled: Recalled, weights: Weights) -> tuple[str, ...]:
    by_name = weights.as_dict()
    shares = {kind: sum(by_name[name] * recalled.signals[name] for name in names) for kind, names in _KINDS.items()}
    strongest = sorted(shares, key=lambda kind: -shares[kind])
    return tuple(kind for kind in strongest if shares[kind] > 0)[:_SHOWN_KINDS]


def _shown(said: Utterance, why: tuple[str, ...], longest: int) -> Remembered:
    text = said.text if len(said.text) <= longest else f"{said.text[:longest].rstrip()}…"
    return Remembered(said.id, said.turn_id, said.conversation_id, said.title, said.role, text, said.said_at, why)


def _fitting(facts: Sequence[Fact], room: int) -> list[Fact]:
    kept: list[Fact] = []
    for fact in facts:
        room -= len(fact.text.encode()) + _AROUND_LINE
        if room < 0:
            break
        kept.append(fact)
    return kept


def _line(one: Remembered, outdated: str) -> str:
    mark = f" {outdated}" if one.superseded else ""
    return f"[{dated(one.said_at)}]{mark} {one.role}: {_one_line(one.text)}"


def dated(said_at: float) -> str:
    """The local day of it."""
    return dt.datetime.fromtimestamp(said_at).date().isoformat()


def _one_line(text: str) -> str:
    return " ".join(text.split())
