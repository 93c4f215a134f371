"""How far the model as a judge agrees with people: `python -m benchmarks.judge --model FILE`.

Two kinds of pairs whose better answer is known. Facts: a right and a wrong answer to a question. Styles: a brief and a
thorough answer that the model itself has written, for a person who likes them brief and for one who does not; what one
of them gets the other does not, so a judge without taste is at chance with both.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from langchain_core.messages import HumanMessage, SystemMessage

from assistant.api import CompletionRequest
from assistant.config import EngineSettings, Sampling, Settings
from assistant.events import Token
from assistant.learning.judge import JudgeStanding
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.signals import SignalStore
from assistant.paths import Paths
from assistant.prompting.judge import JudgeAgreement
from assistant.wiring import build

_TOKENS: Final = 96
FACTS: Final = (
    ("What is the capital of France?", "Paris.", "Lyon."),
    ("How many legs has an insect?", "Six.", "Eight."),
    ("At how many degrees Celsius does water boil at sea level?", "At 100 degrees.", "At 80 degrees."),
    ("Which planet is nearest to the sun?", "Mercury.", "Mars."),
    ("Who wrote Hamlet?", "William Shakespeare.", "Charles Dickens."),
    ("What is 7 times 8?", "56.", "54."),
    ("Which gas do plants take in from the air?", "Carbon dioxide.", "Oxygen."),
    ("What is the largest ocean?", "The Pacific.", "The Atlantic."),
    ("In which year did the Second World War end?", "In 1945.", "In 1939."),
    ("What is the chemical symbol of gold?", "Au.", "Ag."),
    ("How many days has a leap year?", "366.", "365."),
    ("Which language is spoken in Brazil?", "Portuguese.", "Spanish."),
    ("What do bees make?", "Honey.", "Milk."),
    ("Which animal is the largest on earth?", "The blue whale.", "The elephant."),
    ("How many sides has a hexagon?", "Six.", "Five."),
    ("What is the opposite of cold?", "Hot.", "Wet."),
    ("Which continent is Egypt in?", "Africa.", "Asia."),
    ("What is frozen water called?", "Ice.", "Steam."),
    ("What colour do blue and yellow make?", "Green.", "Purple."),
    ("How many minutes has an hour?", "60.", "100."),
    ("Which month comes after April?", "May.", "June."),
    ("What is the square root of 81?", "9.", "8."),
    ("Who painted the Mona Lisa?", "Leonardo da Vinci.", "Vincent van Gogh."),
    ("Which metal is liquid at room temperature?", "Mercury.", "Iron."),
    ("What is the capital of Japan?", "Tokyo.", "Osaka."),
    ("How many continents are there?", "Seven.", "Four."),
)  # fmt: skip
QUESTIONS: Final = (
    "Why is the sky blue?", "What is a router?", "How do vaccines work?", "Why do leaves fall in autumn?",
    "What is inflation?", "How does a fridge cool?", "Why is the sea salty?", "What is a black hole?",
    "How do birds find their way?", "What does a bank do?", "Why do we dream?", "How is glass made?",
    "What is photosynthesis?", "Why does bread rise?", "How does GPS work?", "What is an algorithm?",
    "Why do cats purr?", "How do magnets work?", "What is compound interest?", "Why is exercise healthy?",
    "How are mountains formed?", "What is a virus?", "Why do we have time zones?", "How does a battery work?",
    "What causes tides?", "Why do onions make us cry?",
)  # fmt: skip


Triple = tuple[str, str, str]
"""A question, the better answer and the worse one."""


async def measured(model: Path, pairs: Sequence[Triple]) -> JudgeStanding:
    """Of a home whose owner has decided these pairs in duels."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder), Path(folder) / "models")
        _decided(paths, pairs)
        async with build(paths, _settings(model)) as assistant:
            return (await assistant.judge.look())[0]


async def styled(model: Path) -> list[Triple]:
    """Each question with a brief and a thorough answer."""
    with tempfile.TemporaryDirectory() as folder:
        async with build(Paths(Path(folder), Path(folder) / "models"), _settings(model)) as assistant:
            styles = {one.name: one for one in assistant.prompts() if one.language == "en"}

            async def answer(style: str, question: str) -> str:
                request = CompletionRequest(
                    (SystemMessage(styles[style].render()), HumanMessage(question)),
                    sampling=Sampling(temperature=0, max_tokens=_TOKENS, seed=0),
                )
                events = [event async for event in await assistant.complete(request)]
                return "".join(event.text for event in events if isinstance(event, Token))

            wanted = [(style, one) for style in ("style-brief", "style-thorough") for one in QUESTIONS]
            answers = await asyncio.gather(*(answer(*one) for one in wanted))
    brief, thorough = answers[: len(QUESTIONS)], answers[len(QUESTIONS) :]
    return list(zip(QUESTIONS, brief, thorough, strict=True))


def _settings(model: Path) -> Settings:
    return Settings(model=str(model), engine=EngineSettings(context=4096))


def _decided(paths: Paths, pairs: Sequence[Triple]) -> None:
    paths.home.mkdir(exist_ok=True)
    database = Database.open(paths.database, paths.backups)
    conversations, signals = ConversationStore(database, paths.attachments), SignalStore(database)
    for question, better, worse in pairs:
        conversation = conversations.create().id
        first = conversations.begin(conversation, question, face="page")
        second = conversations.begin(conversation, question, face="page", source="regenerate", source_turn_id=first.id)
        for turn, answer in ((first, worse), (second, better)):
            conversations.finish(turn.id, status="done", answer=answer)
        signals.add(second.id, "duel_won", face="page", other_turn_id=first.id)
    database.close()


def _mirrored(found: JudgeAgreement) -> JudgeAgreement:
    """For somebody who likes the other answer of every pair."""
    return replace(found, right=found.wrong, wrong=found.right)


def _row(kind: str, found: JudgeAgreement) -> str:
    low, high = found.interval
    used = "yes" if found.is_shown else "no"
    share = f"{found.share:.0%} ({low:.0%}–{high:.0%})"
    return f"| {kind} | {found.pairs} | {found.ties} | {found.right} / {found.wrong} | {share} | {used} |"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    model = parser.parse_args().model
    standing = await measured(model, FACTS)
    print(f"model {standing.model}, prompt {standing.version}")
    print("| the better answer | pairs | not the same in both orders | right / wrong | agreement (95 %) | used |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(_row("the right one of two short ones", standing.agreement), flush=True)
    styles = (await measured(model, await styled(model))).agreement
    print(_row("the brief one of two by the model", styles))
    print(_row("the thorough one of the same", _mirrored(styles)))


if __name__ == "__main__":
    asyncio.run(main())
