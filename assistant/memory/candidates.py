"""The utterances that may be what a question asks for, each with its signals: by words, by meaning, by neighbourhood.

All that a question needs is read from the index for its own words, so the time it takes hardly grows with the number
of utterances.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assistant.memory.layout import ASKS, COUNTS, DATED, NO_TIME, OWN, THANKS, Layout
from assistant.memory.meaning import Asked, Meaning
from assistant.memory.moments import Interval, mentioned
from assistant.memory.ranking import SIGNALS
from assistant.memory.stems import asked, stems
from assistant.memory.utterances import Postings, UtteranceStore, distinct
from assistant.memory.vectors import VectorIndex

_PLACES: Final = 20_000
"""Places read of one word."""
_PLACES_ALL: Final = 60_000
"""Of all words together: the commonest are left out beyond it."""
_NEAREST: Final = 150
_KEPT: Final = 200
"""Candidates whose signals are computed."""
_K1: Final = 1.2
_B: Final = 0.5
"""BM25's constants; chat turns differ less in length than documents do."""
_IMAGINED: Final = 100
"""Utterances without any of the words, so that in a young memory a word said twice still tells something."""
_ASKED: Final = 2000
"""Characters of a question that are searched with."""
_WHEN: Final = re.compile(
    r"^\W*(when|how long|since when|what (date|day|month|year|time)|which (date|day|week|month|year))\b"
    r"|什么时候|何时|哪[一]?[天年月]|几[号月点]|多久|多长时间",
    re.IGNORECASE,
)
_HOW_MANY: Final = re.compile(r"\bhow (many|much|often|long|old)\b|多少|几[个次天年岁只]|多大|多久", re.IGNORECASE)
_I: Final = re.compile(r"\b(i|me|my|mine|we|us|our|i'm|i've|i'd)\b|我|咱", re.IGNORECASE)
_YOU: Final = re.compile(
    r"\b(did|have|had|were|do|what|as) you\b|\byour (answer|advice|suggestion|recommendation)|你|您", re.IGNORECASE
)
_SOON: Final = 31
"""Days after a time in which people still speak of it."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Ids of candidates and, row by row, their signals in the order of SIGNALS. `names` says of which the most telling
    word of the question is there; where nobody ever said that word, of none."""

    ids: np.ndarray
    signals: np.ndarray
    names: np.ndarray


_NONE: Final = Pool(np.empty(0, np.int64), np.empty((0, len(SIGNALS))), np.empty(0, bool))


class Candidates:
    """`vectors` may fail or be empty: then words alone say what is a candidate."""

    def __init__(self, utterances: UtteranceStore, vectors: VectorIndex) -> None:
        self._utterances = utterances
        self._meaning = Meaning(vectors)

    def of(self, question: str, scope: str, today: dt.date, without: str = "") -> Pool:
        """Of everything in `scope` but the conversation `without`."""
        question = question[:_ASKED]
        layout = self._utterances.layout()
        code = layout.scopes.get(scope)
        if code is None or not question.strip():
            return _NONE
        left_out = layout.conversations.get(without, 0)
        named = self._named(question, layout, code)
        words = [word for word in asked(question) if word not in named] or list(asked(question))
        postings = self._postings(words, layout, code, left_out)
        if not any(len(one.ids) for one in postings):
            postings = self._postings(asked(question), layout, code, left_out)
        compared = self._meaning.ask(question)
        near = self._nearest(compared, layout, code, left_out)
        direct = distinct(np.concatenate([near, *(one.ids for one in postings)]))
        if not len(direct):
            return _NONE
        around = np.concatenate([direct, layout.previous[direct], layout.following[direct]])
        ids = distinct(around[around > 0])
        ids = ids[layout.scope[ids] == code]
        return self._signals(question, ids, postings, near, compared, layout, code, today)

    def _nearest(self, compared: Asked | None, layout: Layout, code: int, left_out: int) -> np.ndarray:
        found = np.array(self._meaning.nearest(compared, _NEAREST) if compared else [], np.int64)
        found = found[found <= layout.newest]
        wanted = (layout.scope[found] == code) & (layout.conversation[found] != left_out)
        return np.asarray(found[wanted])

    def _signals(
        self,
        question: str,
        ids: np.ndarray,
        postings: Sequence[Postings],
        near: np.ndarray,
        compared: Asked | None,
        layout: Layout,
        code: int,
        today: dt.date,
    ) -> Pool:
        length = layout.length[ids].astype(float)
        before, has_before = _places(ids, layout.previous[ids])
        after, has_after = _places(ids, layout.following[ids])
        everyone = layout.length[layout.scope == code]
        mean, total = float(everyone.mean()), len(everyone) + _IMAGINED
        around = length + np.where(has_before, length[before], 0) + np.where(has_after, length[after], 0)
        alone, window, rare = np.zeros(len(ids)), np.zeros(len(ids)), np.zeros(len(ids))
        names = np.zeros(len(ids), bool)
        possible = rarest = telling = 0.0
        for one in postings:
            idf = float(np.log(1 + (total - len(one.ids) + 0.5) / (len(one.ids) + 0.5)))
            possible += idf
            if not len(one.ids):
                if idf >= telling:
                    telling, names = idf, np.zeros(len(ids), bool)
                continue
            count = np.zeros(len(ids))
            count[np.searchsorted(ids, one.ids)] = one.counts
            both = count + np.where(has_before, count[before], 0) + np.where(has_after, count[after], 0)
            alone += idf * _saturated(count, length / mean)
            window += idf * _saturated(both, around / (3 * mean))
            if idf > telling:
                telling, names = idf, count > 0
            if idf > rarest:
                rarest, rare = idf, (count > 0).astype(float)
        possible = max(possible, 1e-9)
        conversation = layout.conversation[ids]
        talked = np.zeros(int(conversation.max()) + 1)
        np.maximum.at(talked, conversation, alone)
        gathered = np.zeros_like(talked)
        np.maximum.at(gathered, conversation, window)
        meaning = np.zeros(len(ids))
        meaning[np.searchsorted(ids, near)] = np.linspace(1, 0.5, len(near))
        first = _share(alone) + _share(window) + meaning
        kept = _greatest(first)
        similar = np.zeros(len(ids))
        if compared is not None:
            places = distinct(np.concatenate([kept, before[kept], after[kept]]))
            similar[places] = self._meaning.similar(compared, ids[places].tolist())
        asks_when, asks_number = bool(_WHEN.search(question)), bool(_HOW_MANY.search(question))
        traits = layout.traits[ids[kept]]
        follows_question = has_before[kept] & ((layout.traits[ids[before[kept]]] & ASKS) > 0)
        best = max(float(alone.max()), 1e-9)
        same = conversation[kept]
        meant = np.zeros(int(same.max()) + 1)
        np.maximum.at(meant, same, similar[kept])
        columns = {
            "words": alone[kept] / possible,
            "words_best": alone[kept] / best,
            "window": window[kept] / possible,
            "window_best": _share(window)[kept],
            "rare": rare[kept],
            "before": np.where(has_before[kept], alone[before[kept]], 0) / best,
            "after": np.where(has_after[kept], alone[after[kept]], 0) / best,
            "meaning": similar[kept],
            "meaning_best": _share(similar[kept]),
            "meaning_before": np.where(has_before[kept], similar[before[kept]], 0),
            "meaning_after": np.where(has_after[kept], similar[after[kept]], 0),
            "conversation_words": talked[same] / best,
            "conversation_window": gathered[same] / max(float(window.max()), 1e-9),
            "conversation_meaning": meant[same],
            "speaker": self._spoken_by(question, layout, code, ids[kept]),
            "length": np.log1p(length[kept]),
            "asks": _has(traits, ASKS),
            "answers": follows_question * np.where(has_before[kept], alone[before[kept]], 0) / best,
            "when": asks_when * _has(traits, DATED),
            "dated": _has(traits, DATED),
            "counts": asks_number * _has(traits, COUNTS),
            "time": _in_time(question, today, layout, ids[kept]),
            "own": _has(traits, OWN),
            "thanks": _has(traits, THANKS),
            "both": _share(window)[kept] * _share(similar[kept]),
        }
        return Pool(ids[kept], np.stack([columns[name] for name in SIGNALS], axis=1), names[kept])

    # Words

    def _postings(self, words: Sequence[str], layout: Layout, code: int, left_out: int) -> list[Postings]:
        read = [self._utterances.postings(word, _PLACES) for word in words]
        kept: list[Postings] = []
        room = _PLACES_ALL
        for one in sorted(read, key=lambda one: len(one.ids)):
            if len(one.ids) > room and kept:
                break
            room -= len(one.ids)
            known = one.ids <= layout.newest
            ids, counts = one.ids[known], one.counts[known]
            wanted = (layout.scope[ids] == code) & (layout.conversation[ids] != left_out)
            kept.append(Postings(ids[wanted], counts[wanted]))
        return kept

    def _named(self, question: str, layout: Layout, code: int) -> set[str]:
        """Stems of the names of those who speak: that their names occur is no sign of what they said."""
        said = set(stems(question))
        return {stem for name in layout.speakers if name for stem in stems(name) if stem in said}

    def _spoken_by(self, question: str, layout: Layout, code: int, ids: np.ndarray) -> np.ndarray:
        said = set(stems(question))
        named = [number for name, number in layout.speakers.items() if name and said & set(stems(name))]
        by_person = layout.assistant[ids] == 0
        meant = np.zeros(len(ids), bool)
        if named:
            meant |= np.isin(layout.speaker[ids], named) & by_person
        elif _I.search(question):
            meant |= by_person
        elif _YOU.search(question):
            meant |= ~by_person
        return meant.astype(float)


def _saturated(count: np.ndarray, length: np.ndarray) -> np.ndarray:
    return np.asarray(count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length)))


def _greatest(values: np.ndarray) -> np.ndarray:
    """The places of the greatest, as many as are kept, in order."""
    if len(values) <= _KEPT:
        return np.arange(len(values))
    return np.sort(np.argpartition(-values, _KEPT)[:_KEPT])


def _share(values: np.ndarray) -> np.ndarray:
    """Of the greatest, from 0 to 1."""
    low, high = min(0.0, float(values.min())), float(values.max())
    return np.asarray((values - low) / max(high - low, 1e-9))


def _places(ids: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each of `wanted` stands in the sorted `ids`, and whether it does."""
    places = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return places, (ids[places] == wanted) & (wanted > 0)


def _has(traits: np.ndarray, trait: int) -> np.ndarray:
    return ((traits & trait) > 0).astype(float)


def _in_time(question: str, today: dt.date, layout: Layout, ids: np.ndarray) -> np.ndarray:
    """1 for what speaks of the time asked about or was said in it, less for what was said soon after."""
    asked_about = mentioned(question, today)
    if not asked_about:
        return np.zeros(len(ids))
    wanted: Interval = asked_about[0]
    begin, end = wanted.begin.toordinal(), wanted.end.toordinal()
    about = (layout.about_from[ids] != NO_TIME) & (layout.about_from[ids] <= end) & (layout.about_to[ids] >= begin)
    said = layout.said_on[ids]
    within = (said >= begin) & (said <= end)
    soon = (said > end) & (said <= end + _SOON)
    return np.asarray(np.maximum(np.maximum(1.0 * about, 1.0 * within), 0.5 * soon))
