"""A week of use in fast motion: people ask and rate, a better prompt is found in idle time, tried, taken into use, and
taken back when what people want has changed.

`python -m benchmarks.week --model PATH [--home DIR]`. Everything is real but the people: `patina serve` with its page
in a browser and its bot at a loopback Bot API server. The owner sits at the page, two members write in Telegram; each
rates some of the answers by a rule that no part of Patina knows, with some noise. The same rule scores the two prompts
on questions nobody asked before. Days pass in fast motion: all that happened is dated back by one after so many
questions, and by two where a trial is lost, for nothing else is tried on the same day. With `--home` a week that was
cut off during a trial, or after a prompt was taken into use, goes on, and all of it can be looked at with `patina
serve`.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import httpx
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from assistant.agent.context import examples_of
from assistant.client import AssistantClient
from assistant.learning.chat_learning import PROMPT, ChatReport
from assistant.learning.recorder import TrialStanding
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary
from assistant.prompting.template import PromptVersion
from benchmarks import report
from benchmarks.week.days import days_pass
from benchmarks.week.faces import served
from benchmarks.week.people import People, likes_long, likes_short

BEGIN: Final = "<!-- week: begin -->"
END: Final = "<!-- week: end -->"
_AT_ONCE: Final = 8
_FIRST_DAYS: Final = 96
_MORE: Final = 24
_LOOKED_MOST: Final = 160
_TRIAL_MOST: Final = 640
_A_DAY: Final = 48
"""Questions, after which a day has passed: of what one person says in a day only so much is heard."""
_SETTLED: Final = 24
_DRIFT_MOST: Final = 160
_HELD_OUT: Final = 40
_TRIALS_MOST: Final = 4
_REST_DAYS: Final = 2
_PAGE: Final = 100
_LONGEST: Final = 220
"""Tokens of an answer."""
_ROLES: Final = {"system": "system", "human": "user", "ai": "assistant"}


@dataclass(frozen=True, slots=True)
class Held:
    """How many of `n` answers to questions nobody had asked are liked."""

    before: float
    after: float
    n: int


class Lab(Protocol):
    """What the page says of versions."""

    async def in_use(self) -> list[str]: ...

    async def moves(self) -> list[str]:
        """The latest first."""
        ...


class Week:
    """What happens to one Patina, told a line at a time."""

    def __init__(
        self,
        client: AssistantClient,
        address: str,
        people: People,
        lab: Lab,
        night: Callable[[], None] = lambda: None,
    ) -> None:
        self._night = night
        self._nights = 0
        self._client = client
        self._address = address
        self._people = people
        self._lab = lab
        self.said: list[str] = []
        self.waits = False
        """Whether nothing more happens before some days have passed."""

    async def run(self) -> None:
        """Where a prompt was taken into use already it goes on from there."""
        unseen = self._people.questions(_HELD_OUT)
        taken = await self._production()
        if taken is not None:
            self._people.questions(await self._conversations())
            self._say("Goes on with what was taken into use before.")
        else:
            taken = await self._until_taken()
        if taken is not None:
            await self._afterwards(taken, unseen)

    async def _until_taken(self) -> str | None:
        """Ratings are gathered until something is found that shows; a look that finds nothing comes again later."""
        people = self._people
        before = await self._conversations()
        people.questions(before)
        if (open_one := await self._trial()) is not None:
            self._say("Another day; the trial goes on.")
            await asyncio.to_thread(self._night)
            return await self._until_decided(open_one.canary)
        if before < _FIRST_DAYS:
            liked = await self._use(_FIRST_DAYS - before, likes_short)
            self._say(f"{people.turns} questions, {people.ratings} ratings, {liked:.0%} of the answers liked.")
        while True:
            found = {one.language: one for one in await self._client.idle.look()}["zh"]
            self._say(_told(found))
            if found.outcome == "better":
                break
            if people.turns >= _LOOKED_MOST:
                return None
            await self._use(_MORE, likes_short)
            self._say(f"{_MORE} more questions.")
        return await self._until_decided(found.version)

    async def _until_decided(self, version: str) -> str | None:
        """What people say of the version on trial, until it is taken into use or the trial is over."""
        began = self._people.turns
        while (trial := await self._trial()) is not None and trial.canary == version:
            if self._people.turns >= began + _TRIAL_MOST:
                break
            await self._use(_AT_ONCE, likes_short)
        taken = await self._production()
        asked = self._people.turns - began
        if taken is None:
            self.waits = await self._trial() is None
            outcome = "the trial was lost" if self.waits else "the trial is still open"
            self._say(f"Not taken into use after {asked} more questions: {outcome}.")
            return None
        self._say(f"Taken into use after {asked} more questions.")
        return taken

    async def _afterwards(self, taken: str, unseen: Sequence[str]) -> None:
        """What the new prompt is worth, and what becomes of it when people want something else."""
        record = await self._client.desk.version(taken)
        called = f"{record.name}.{record.language} {record.called}"
        shown = called in await self._lab.in_use()
        self._say(f"The lab on the page {'shows' if shown else 'does NOT show'} {called} in use.")
        held = await self._held_out(taken, unseen, likes_short)
        self._say(
            f"On {held.n} questions nobody asked, {held.before:.0%} of the answers are liked with the old prompt and "
            f"{held.after:.0%} with it."
        )
        liked = await self._use(_SETTLED, likes_short)
        self._say(f"{_SETTLED} more questions, {liked:.0%} of the answers liked.")
        began = self._people.turns
        while await self._production() is not None and self._people.turns < began + _DRIFT_MOST:
            await self._use(_AT_ONCE, likes_long)
        back = await self._production() is None
        reasons = [move.reason for move in await self._client.desk.moves(PROMPT) if move.label == "production"]
        self._say(
            f"Then people want long answers: {'taken back by itself' if back else 'NOT taken back'} after "
            f"{self._people.turns - began} questions. What moved the label: {', '.join(reasons)}."
        )
        if back:
            gone, moves = called not in await self._lab.in_use(), await self._lab.moves()
            told = moves[0] if moves else "nothing"
            self._say(f"The lab on the page {'shows it no longer' if gone else 'STILL shows it'} in use: {told}.")

    async def _use(self, count: int, likes: Callable[[str], bool]) -> float:
        """So many questions; the day may end with them."""
        liked = await self._people.use(count, likes)
        while self._people.turns >= (self._nights + 1) * _A_DAY:
            self._nights += 1
            await asyncio.to_thread(self._night)
        return liked

    async def _trial(self) -> TrialStanding | None:
        return next((one for one in await self._client.desk.trials() if one.scope.name == PROMPT), None)

    async def _held_out(self, version: str, questions: Sequence[str], likes: Callable[[str], bool]) -> Held:
        """The prompt that comes with Patina and another version, both greedy."""
        seed = PromptLibrary(seed_prompts(), Path("/nowhere")).get(PROMPT, "zh")
        taught = seed.taught(Candidate.from_json((await self._client.desk.version(version)).content))

        async def share(prompt: PromptVersion) -> float:
            answers: list[str] = []
            for start in range(0, len(questions), _AT_ONCE):
                asked = questions[start : start + _AT_ONCE]
                answers += await asyncio.gather(*(self._answer(prompt, question) for question in asked))
            return sum(map(likes, answers)) / len(answers)

        return Held(await share(seed), await share(taught), len(questions))

    async def _answer(self, prompt: PromptVersion, question: str) -> str:
        system = SystemMessage(prompt.render(date=dt.date.today().isoformat()))
        messages: list[BaseMessage] = [system, *examples_of(prompt), HumanMessage(question)]
        body = {
            "messages": [{"role": _ROLES[message.type], "content": message.text} for message in messages],
            "temperature": 0,
            "max_tokens": _LONGEST,
        }
        async with httpx.AsyncClient(base_url=self._address, timeout=None, trust_env=False) as http:  # noqa: S113
            answer = await http.post("/v1/chat/completions", json=body)
            return str(answer.raise_for_status().json()["choices"][0]["message"]["content"])

    async def _production(self) -> str | None:
        return next((one.version_id for one in await self._client.desk.labels() if one.label == "production"), None)

    async def _conversations(self) -> int:
        count, before = 0, None
        while some := await self._client.conversations(_PAGE, before):
            count, before = count + len(some), some[-1].updated_at
        return count

    def _say(self, line: str) -> None:
        self.said.append(f"- {line}")
        print(line, flush=True)


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
    said: list[str] = []
    for _ in range(_TRIALS_MOST):
        async with served(home, model, _LONGEST) as (client, address, visitors, lab):
            night = partial(days_pass, home / "patina.db", 1)
            week = Week(client, address, People(visitors, seed), lab, night)
            await week.run()
        said += week.said
        if not week.waits:
            break
        days_pass(home / "patina.db", _REST_DAYS)
        said.append(f"- {_REST_DAYS} days pass.")
    return said


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
