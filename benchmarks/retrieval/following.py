"""Questions that lean on the one before: is the passage found that they are about?

`python -m benchmarks.retrieval.following --data DIR [--most 300] [--markdown FILE]`. They are made of the questions of
folders in the layout of BEIR: where two share a name, the second gets a pronoun in its place, and is asked after the
first. Its passage is the one that the first was about, or another one; and some ask nothing but "why?".
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from assistant.agent.following import leans, searched
from assistant.knowledge.adding import added
from assistant.knowledge.evaluation import QuestionSet, read
from assistant.knowledge.retriever import Found
from assistant.memory.records import Turn
from assistant.throwaway import throwaway_shelf
from benchmarks import report

BEGIN: Final = "<!-- following: begin -->"
END: Final = "<!-- following: end -->"
_LOOKED_FOR: Final = 12
_SEED: Final = 20261127
_NAME: Final = re.compile(r"[A-Z][\w'’-]+(?: (?:of|the|and|de|[0-9]+|[A-Z][\w'’-]+))*")
_FIRST_WORD: Final = re.compile(
    r"^(?:What|Who|Whose|When|Where|How|Which|Why|In|On|The|During|At|From|For|To|Of|By|Did|Was|Is|After|Before)\b *"
)
_WRITTEN: Final = re.compile(r"[\u4e00-\u9fff·]+")
_SHORTEST: Final = 3
_RARE: Final = 40
"""Questions that have a name in common; what more of them have is a way of asking."""
_NOTHING: Final = {"en": ("And when was that?", "Why?", "Who did it?", "And where?"),
                   "zh": ("为什么？", "那是什么时候？", "在哪里呢？", "是谁？")}  # fmt: skip
_IT: Final = {"en": "it", "zh": "它"}
_KINDS: Final = ("of another passage", "of the same passage", "says nothing")
Kind: TypeAlias = str
Side: TypeAlias = Callable[[Sequence[Sequence[Found]]], Sequence[Found]]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Asked after `before`; `document` is the one that holds its answer."""

    before: str
    question: str
    document: str
    kind: Kind


def made_of(asked: QuestionSet, most: int) -> list[FollowUp]:
    """Each question follows another one once at most for each kind."""
    documents = {id: next(iter(relevant)) for id, relevant in asked.relevant.items()}
    language = "zh" if any(_WRITTEN.search(text) for text in asked.questions.values()) else "en"
    rng = random.Random(_SEED)  # noqa: S311
    found: dict[Kind, list[FollowUp]] = defaultdict(list)
    ids = [id for id in asked.questions if id in documents]
    rng.shuffle(ids)
    names = {id: _names(asked.questions[id], language) for id in ids}
    naming: dict[str, list[str]] = defaultdict(list)
    for id in ids:
        for name in names[id]:
            naming[name].append(id)
    for id in ids:
        taken: set[Kind] = set()
        rare = [name for name in sorted(names[id]) if len(naming[name]) <= _RARE]
        for other in dict.fromkeys(other for name in rare for other in naming[name]):
            kind = "of the same passage" if documents[id] == documents[other] else "of another passage"
            if other == id or kind in taken or len(found[kind]) >= most:
                continue
            shared = _common(asked.questions[id], asked.questions[other], names[id] & names[other], language)
            question = asked.questions[id].replace(f"the {shared}", shared).replace(shared, _IT[language])
            if shared and leans(question):
                taken.add(kind)
                found[kind].append(FollowUp(asked.questions[other], question, documents[id], kind))
        if len(found["says nothing"]) < most:
            words = _NOTHING[language][len(found["says nothing"]) % len(_NOTHING[language])]
            found["says nothing"].append(FollowUp(asked.questions[id], words, documents[id], "says nothing"))
    return [one for kind in _KINDS for one in found[kind]]


def _names(question: str, language: str) -> set[str]:
    """In Chinese, where a name is written as all else is, what three characters may be a part of one."""
    if language == "zh":
        parts = (question[start : start + _SHORTEST] for start in range(len(question) - _SHORTEST + 1))
        return {part for part in parts if _WRITTEN.fullmatch(part)}
    return {name for name in (_FIRST_WORD.sub("", match) for match in _NAME.findall(question)) if len(name) > _SHORTEST}


def _common(one: str, other: str, names: set[str], language: str) -> str:
    """The longest name in both; in Chinese the longest text."""
    if language == "en":
        return max(names, key=lambda name: (len(name), name), default="")
    longest = ""
    for start in range(len(one)):
        end = start + max(_SHORTEST, len(longest) + 1)
        while end <= len(one) and one[start:end] in other and _WRITTEN.fullmatch(one, start, end):
            longest, end = one[start:end], end + 1
    return longest


def measured(asked: QuestionSet, follow_ups: Sequence[FollowUp]) -> dict[Kind, dict[str, tuple[float, float]]]:
    """Of each kind and each way of looking: the part whose document is found first, and among the first three."""
    sides: Mapping[str, Side] = {
        "with the question before": lambda found: found[0],
        "alone": lambda found: found[-1],
        "Patina": lambda found: added(found[0], found[1], _LOOKED_FOR) if len(found) > 1 else found[0],
    }
    totals: dict[Kind, dict[str, list[tuple[bool, bool]]]] = defaultdict(lambda: defaultdict(list))
    with throwaway_shelf() as (shelf, _):
        names = {shelf.put_text("documents", name, source).id: name for name, source in asked.documents.items()}
        while shelf.embed():
            pass
        for one in follow_ups:
            path = [_turn(one.before), _turn(one.question)]
            found = [shelf.search(text, _LOOKED_FOR).passages for text in searched(path)]
            alone = [*found[1:], shelf.search(one.question, _LOOKED_FOR).passages][:1]
            for side, choose in sides.items():
                chosen = choose(alone if side == "alone" else found)
                ranked = list(dict.fromkeys(names[each.document.id] for each in chosen))
                totals[one.kind][side].append((one.document in ranked[:1], one.document in ranked[:3]))
    return {
        kind: {
            side: (sum(first for first, _ in hits) / len(hits), sum(third for _, third in hits) / len(hits))
            for side, hits in of_kind.items()
        }
        for kind, of_kind in totals.items()
    }


def _turn(question: str) -> Turn:
    return Turn(
        id="", conversation_id="", parent_id=None, source="new", source_turn_id=None, face="page", person_id=None,
        status="done", question=question, answer="", created_at=0.0,
    )  # fmt: skip


def table(name: str, counts: Mapping[Kind, int], found: Mapping[Kind, Mapping[str, tuple[float, float]]]) -> list[str]:
    return [
        f"| {name} | {kind} | {counts[kind]} | "
        + " | ".join(f"{first:.3f}, {third:.3f}" for first, third in sides.values())
        + " |"
        for kind, sides in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", action="append", help="only these folders")
    parser.add_argument("--most", type=int, default=300, help="questions of a kind")
    parser.add_argument("--markdown", type=Path, help="also write the table between the marks of this page")
    given = parser.parse_args()
    folders = sorted(one for one in given.data.iterdir() if (one / "corpus.jsonl").exists())
    lines: list[str] = []
    for folder in folders:
        if given.set and folder.name not in given.set:
            continue
        asked = read(folder)
        follow_ups = made_of(asked, given.most)
        lines += table(folder.name, Counter(one.kind for one in follow_ups), measured(asked, follow_ups))
    text = "\n".join(
        [
            f"{dt.date.today().isoformat()}. Part whose passage comes first, and among the first three.",
            "",
            "| questions | what follows is | how many | looked for with the question before | alone | both, Patina |",
            "|---|---|---|---|---|---|",
            *lines,
        ]
    )
    if given.markdown:
        report.rewrite(given.markdown, text, BEGIN, END)
    print(text)


if __name__ == "__main__":
    main()
