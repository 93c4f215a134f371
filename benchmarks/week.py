"""A week of use in fast motion: people ask and rate, a better prompt is found in idle time, tried, taken into use, and
taken back when what people want has changed.

`python -m benchmarks.week --model PATH [--home DIR]`. The model, the engine, the database and everything that decides
are the real ones. The people are made up: each asks on the page or in Telegram, and rates some of the answers by a rule
that no part of Patina knows, with some noise. The same rule scores the two prompts on questions nobody asked before.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from langchain_core.messages import HumanMessage, SystemMessage

from assistant.agent.completion import CompletionRequest
from assistant.agent.context import examples_of
from assistant.api import Assistant
from assistant.config import EngineSettings, Sampling, Settings
from assistant.events import Token, TurnFailed, TurnFinished
from assistant.learning.chat_learning import PROMPT, ChatReport
from assistant.memory.records import Face
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.prompting.template import PromptVersion
from assistant.wiring import build
from benchmarks import report

BEGIN: Final = "<!-- week: begin -->"
END: Final = "<!-- week: end -->"
_TOPICS: Final = (
    "电子发票", "显卡", "咖啡因", "潮汐", "通货膨胀", "数据库索引", "番茄钟", "量子计算",
    "高铁", "疫苗", "区块链", "光合作用", "固态硬盘", "睡眠周期", "复利", "地震",
    "机器学习", "垃圾分类", "太阳能板", "防火墙", "维生素D", "二维码", "台风", "开源软件",
    "空气净化器", "指南针", "信用卡", "冰川", "编译器", "噪声", "芯片", "候鸟",
    "搜索引擎", "微波炉", "保险", "口罩", "火山", "汇率", "蓝牙", "酵母",
    "月食", "无人机", "密码学", "蚊子", "冥想", "彩虹", "显微镜", "快充",
    "纤维素", "股息", "导航", "霜冻", "电动汽车", "血压", "基金定投", "人脸识别",
    "虚拟内存", "有氧运动", "回声", "云计算", "发酵", "公积金", "反射弧", "时区",
)  # fmt: skip
_FORMS: Final = (
    "{}是什么？",
    "为什么{}很重要？",
    "怎样向孩子解释{}？",
    "关于{}，我该注意什么？",
    "{}有什么缺点？",
    "{}是怎么起作用的？",
    "{}的历史是怎样的？",
    "初学者怎么了解{}？",
    "{}和日常生活有什么关系？",
)
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W_]+")
_LIST: Final = re.compile(r"(?m)^\s*(?:[-*•]|\d+[.、)])\s*")
_AT_ONCE: Final = 8
_NOISE: Final = 0.1
_FIRST_DAYS: Final = 64
_TRIAL_MOST: Final = 320
_SETTLED: Final = 24
_DRIFT_MOST: Final = 120
_HELD_OUT: Final = 40
_MOST: Final = 10_000
_LONGEST: Final = 220
"""Tokens of an answer."""
_GREEDY: Final = Sampling(temperature=0, max_tokens=_LONGEST)
_RATED: Final = 0.6


def likes_short(answer: str) -> bool:
    """The rule of the first days: a few sentences and no list."""
    return 0 < len(_WORD.findall(answer)) <= 90 and len(_LIST.findall(answer)) < 2


def likes_long(answer: str) -> bool:
    """What they want later."""
    return len(_WORD.findall(answer)) > 160


@dataclass(frozen=True, slots=True)
class Visitor:
    """`person` is None for the owner."""

    face: Face
    person: str | None


class Week:
    """One assistant and those who use it. `seed` decides who asks what and who rates."""

    def __init__(self, assistant: Assistant, visitors: Sequence[Visitor], seed: int) -> None:
        self._assistant = assistant
        self._visitors = visitors
        self._drawn = random.Random(seed)  # noqa: S311 - the same week every time
        self._questions = self._all_questions()
        self.ratings = 0
        self.turns = 0

    def _all_questions(self) -> Iterator[str]:
        asked = [form.format(topic) for topic in _TOPICS for form in _FORMS]
        self._drawn.shuffle(asked)
        return iter(asked)

    def questions(self, count: int) -> list[str]:
        """That nobody has asked yet."""
        return [next(self._questions) for _ in range(count)]

    async def use(self, questions: Sequence[str], likes: Callable[[str], bool]) -> float:
        """Everybody asks and some rate; returns how many of the answers were liked, whether or not they were rated."""
        liked: list[bool] = []
        for start in range(0, len(questions), _AT_ONCE):
            some = questions[start : start + _AT_ONCE]
            asked = [self._ask(one, self._drawn.choice(self._visitors)) for one in some]
            for visitor, turn_id, answer in await asyncio.gather(*asked):
                good = likes(answer)
                liked.append(good)
                if self._drawn.random() < _RATED:
                    said = good != (self._drawn.random() < _NOISE)
                    await self._assistant.signal(
                        turn_id, "thumb_up" if said else "thumb_down", face=visitor.face, person_id=visitor.person
                    )
                    self.ratings += 1
        self.turns += len(questions)
        return sum(liked) / len(liked)

    async def _ask(self, question: str, visitor: Visitor) -> tuple[Visitor, str, str]:
        conversation = await self._assistant.new_conversation()
        turn_id = ""
        events = await self._assistant.reply(conversation.id, question, face=visitor.face, person_id=visitor.person)
        async for event in events:
            if isinstance(event, TurnFailed):
                raise event.error
            if isinstance(event, TurnFinished):
                turn_id = event.turn_id
        return visitor, turn_id, (await self._assistant.turn(turn_id)).answer


@dataclass(frozen=True, slots=True)
class Held:
    """How many of `n` answers to questions nobody had asked are liked."""

    before: float
    after: float
    n: int


async def held_out(assistant: Assistant, version: str, questions: Sequence[str], likes: Callable[[str], bool]) -> Held:
    """The prompt that comes with Patina and another version, both greedy."""
    seed = next(one for one in assistant.prompts() if (one.name, one.language) == (PROMPT, "zh"))
    taught = seed.taught(Candidate.from_json((await assistant.desk.version(version)).content))

    async def liked(prompt: PromptVersion, question: str) -> bool:
        system = SystemMessage(prompt.render(date=dt.date.today().isoformat()))
        request = CompletionRequest((system, *examples_of(prompt), HumanMessage(question)), sampling=_GREEDY)
        async with aclosing(await assistant.complete(request)) as events:
            return likes("".join([event.text async for event in events if isinstance(event, Token)]))

    async def share(prompt: PromptVersion) -> float:
        found: list[bool] = []
        for start in range(0, len(questions), _AT_ONCE):
            some = questions[start : start + _AT_ONCE]
            found += await asyncio.gather(*(liked(prompt, one) for one in some))
        return sum(found) / len(found)

    return Held(await share(seed), await share(taught), len(questions))


async def visitors_of(assistant: Assistant) -> list[Visitor]:
    """The owner at the page, twice as busy as the two who write in Telegram."""
    found = [Visitor("page", None)] * 4
    for number in (1, 2):
        code = await assistant.new_pairing_code("telegram")
        person = await assistant.pair("telegram", f"{1000 + number}", f"Member {number}", code.code)
        found.append(Visitor("telegram", person.id))
    return found


async def run(assistant: Assistant, seed: int) -> list[str]:
    """The week; returns what happened, a line each. Where a prompt was taken into use already it goes on from there."""
    week = Week(assistant, await visitors_of(assistant), seed)
    unseen = week.questions(_HELD_OUT)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(f"- {line}")
        print(line, flush=True)

    if (taken := await production(assistant)) is not None:
        week.questions(len(await assistant.conversations(_MOST)))
        say("Goes on with what was taken into use before.")
        await _afterwards(assistant, week, taken, unseen, say)
        return said
    liked = await week.use(week.questions(_FIRST_DAYS), likes_short)
    say(f"Days 1 to 3: {week.turns} questions, {week.ratings} ratings, {liked:.0%} of the answers liked.")
    reports = {one.language: one for one in await assistant.idle.look()}
    found = reports["zh"]
    say(_told(found))
    if found.outcome != "better":
        return said
    began = week.turns
    while await production(assistant) is None and week.turns < began + _TRIAL_MOST:
        if not [one for one in await assistant.desk.trials() if one.canary == found.version]:
            break
        await week.use(week.questions(_AT_ONCE), likes_short)
    taken = await production(assistant)
    if taken is None:
        trials = await assistant.desk.trials()
        say(f"Days 4 to 6: not taken into use after {week.turns - began} questions: {trials or 'the trial was lost'}.")
        return said
    say(f"Days 4 to 6: taken into use after {week.turns - began} more questions.")
    await _afterwards(assistant, week, taken, unseen, say)
    return said


async def _afterwards(
    assistant: Assistant, week: Week, taken: str, unseen: Sequence[str], say: Callable[[str], None]
) -> None:
    """What the new prompt is worth, and what becomes of it when people want something else."""
    held = await held_out(assistant, taken, unseen, likes_short)
    say(
        f"On {held.n} questions nobody asked, {held.before:.0%} of the answers are liked with the old prompt and "
        f"{held.after:.0%} with it."
    )
    began = week.turns
    liked = await week.use(week.questions(_SETTLED), likes_short)
    say(f"Day 7: {_SETTLED} questions, {liked:.0%} of the answers liked.")
    began = week.turns
    while await production(assistant) is not None and week.turns < began + _DRIFT_MOST:
        await week.use(week.questions(_AT_ONCE), likes_long)
    back = await production(assistant) is None
    say(
        f"Then people want long answers: {'taken back by itself' if back else 'NOT taken back'} after "
        f"{week.turns - began} questions."
    )


async def production(assistant: Assistant) -> str | None:
    return next((one.version_id for one in await assistant.desk.labels() if one.label == "production"), None)


def _told(found: ChatReport) -> str:
    agreement, result = found.agreement, found.result
    head = (
        f"In idle time: what {agreement.ratings} ratings say agrees with ratings left out to {agreement.area:.0%} "
        f"(at least {agreement.low:.0%})"
    )
    if result is None:
        return f"{head}; {found.outcome}, about {found.missing} more are needed."
    evidence = result.evidence
    return (
        f"{head}; {result.tried} prompts in {result.calls} calls and {result.seconds:.0f} s: {found.outcome}, on "
        f"{evidence.items} questions that took no part {evidence.difference:+.2f} (error {evidence.error:.3f}). Its "
        f"words: {result.chosen.instruction.splitlines()[-1]}"
    )


async def _main(model: Path, home: Path, seed: int) -> list[str]:
    settings = Settings(
        model=str(model), engine=EngineSettings(preload=False), sampling=Sampling(max_tokens=_LONGEST, temperature=0.7)
    )
    async with build(Paths(home, home / "models"), settings) as assistant:
        return await run(assistant, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--home", type=Path, help="keep everything here, to be looked at with `patina serve`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", type=Path, help="also write the lines between the marks of this page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        said = asyncio.run(_main(given.model.resolve(), given.home or Path(folder), given.seed))
    machine = report.Machine.here()
    head = (
        f"{dt.date.today().isoformat()}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB, "
        f"{machine.system}; model {given.model.stem}, seed {given.seed}."
    )
    if given.markdown:
        report.rewrite(given.markdown, "\n".join([head, "", *said]), BEGIN, END)


if __name__ == "__main__":
    main()
