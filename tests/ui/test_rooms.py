"""The list, the chooser and the settings panel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from assistant.config import Settings
from assistant.errors import SourcesUnreachable
from assistant.i18n import Language
from assistant.learning.recorder import DECAYED
from assistant.models.records import DownloadProgress
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate, Demo
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.ui.conftest import Rooms, drawn, rooms_of, visit


@pytest.fixture
def answers() -> Sequence[str]:
    return ["The blue whale is the largest animal."]


class SlowModels(FakeModels):
    """A pull that waits for `more` after its first step, and then fails with `error` if there is one."""

    def __init__(self, more: asyncio.Event, error: Exception | None = None) -> None:
        super().__init__(ScriptedChatModel(answers=["x"]))
        self._more = more
        self._error = error

    async def pull(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        yield DownloadProgress("scripted", "hub", "downloading", 10, 100, 5.0, 18)
        await self._more.wait()
        if self._error is not None:
            raise self._error


async def test_a_conversation_is_found_renamed_and_deleted(rooms: Rooms) -> None:
    live = (await drawn(rooms.chat.send(visit(text="Which animal is largest?"))))[-1]["live"]
    [found] = await drawn(rooms.conversations.search(visit(query="whale")))
    assert "<mark>whale</mark>" in found["sidebar"]["html"]
    assert found["sidebar"]["query"] == "whale"
    [renamed] = await drawn(rooms.conversations.rename(visit(target=live["conversation"], title=" Whales ")))
    assert ">Whales<" in renamed["sidebar"]["html"]
    [kept] = await drawn(rooms.conversations.rename(visit(target=live["conversation"], title="  ")))
    assert ">Whales<" in kept["sidebar"]["html"]
    [deleted] = await drawn(rooms.conversations.delete(visit(target=live["conversation"])))
    assert "Your conversations will appear here." in deleted["sidebar"]["html"]


async def test_what_was_taken_back_by_itself_is_told_as_it_stands_now(rooms: Rooms) -> None:
    desk = rooms.assistant.desk
    question = "Where do I keep my bees?"
    live = (await drawn(rooms.chat.send(visit(text=question))))[-1]["live"]
    six, seven, eight = [
        await desk.propose("chat", "en", learned, author="optimiser", evidence={})
        for learned in (
            Candidate("Be short."),
            Candidate("Be kind.", (Demo(question, "There."),)),
            Candidate("Be brief."),
        )
    ]

    async def told(language: Language = "en") -> str:
        return str((await rooms.conversations.drawn(visit(language=language)))["sidebar"]["html"])

    await desk.promote(six.id)
    await desk.promote(seven.id, model="qwen")
    await desk.rollback("chat", "en", model="qwen", reason=DECAYED)
    assert f"{seven.called} of the prompt chat.en did worse" in await told()
    assert f"{six.called} answers now" in await told(), "with no label of its own the model has that of all"
    await desk.promote(eight.id)
    assert f"现在由 {eight.called} 回答" in await told("zh")
    for _ in range(2):
        await desk.rollback("chat", "en")
    assert "The one that comes with Patina answers now" in await told()
    await desk.promote(seven.id)
    assert "did worse" not in await told(), "it is in use again"
    await desk.rollback("chat", "en")
    assert "did worse" in await told()
    await rooms.assistant.delete(live["conversation"])
    assert "did worse" not in await told(), "it showed what was deleted, and nobody knows any more what it was"


async def test_the_list_grows_by_pages(rooms: Rooms) -> None:
    for number in range(53):
        await rooms.assistant.new_conversation(f"Number {number}.")
    [first] = [await rooms.conversations.drawn(visit())]
    assert first["sidebar"]["html"].count('class="item"') == 50
    assert 'data-do="more"' in first["sidebar"]["html"]
    [more] = await drawn(rooms.conversations.more(visit(shown=50)))
    assert more["sidebar"]["html"].count('class="item"') == 53
    assert 'data-do="more"' not in more["sidebar"]["html"]


async def test_a_download_goes_on_when_its_tab_is_gone_and_ends_in_the_list(paths: Paths) -> None:
    more = asyncio.Event()
    async with build(paths, Settings(), models=SlowModels(more)) as assistant:
        chooser = rooms_of(assistant, paths).models
        pulling = chooser.pull(visit(model="scripted"))
        while "width: 10.0%" not in (await anext(pulling))["models"]["html"]:
            pass
        await pulling.aclose()
        watching = chooser.panel(visit())
        assert "width: 10.0%" in (await anext(watching))["models"]["html"]
        more.set()
        rest = [each async for each in watching]
        assert 'class="progress"' not in rest[-1]["models"]["html"]


async def test_a_download_can_be_paused(paths: Paths) -> None:
    async with build(paths, Settings(), models=SlowModels(asyncio.Event())) as assistant:
        chooser = rooms_of(assistant, paths).models
        pulling = chooser.pull(visit(model="scripted"))
        while "width: 10.0%" not in (await anext(pulling))["models"]["html"]:
            pass
        [paused] = await drawn(chooser.pause(visit(model="scripted")))
        assert 'class="progress"' not in paused["models"]["html"]
        assert await drawn(pulling) == []


async def test_a_failed_download_is_a_sentence_in_the_chooser(paths: Paths) -> None:
    more = asyncio.Event()
    more.set()
    error = SourcesUnreachable(model="scripted", attempts=(("hub", "no network"),))
    async with build(paths, Settings(), models=SlowModels(more, error)) as assistant:
        views = await drawn(rooms_of(assistant, paths).models.pull(visit(model="scripted", language="en")))
        assert "no network" in views[-1]["models"]["html"]
        assert "SourcesUnreachable" not in views[-1]["models"]["html"]


async def test_a_setting_is_in_force_at_once_and_on_disk(rooms: Rooms, paths: Paths, model: ScriptedChatModel) -> None:
    await drawn(rooms.settings.set(visit(setting="sampling.max_tokens", value="77")))
    assert "max_tokens = 77" in paths.settings.read_text("utf-8")
    await drawn(rooms.chat.send(visit(text="Hello")))
    assert model.options[0]["sampling"].max_tokens == 77


async def test_a_value_out_of_range_is_refused_with_a_sentence(rooms: Rooms, paths: Paths) -> None:
    [views] = await drawn(rooms.settings.set(visit(setting="sampling.temperature", value="9")))
    assert "sampling.temperature" in views["settings"]["html"]
    assert not paths.settings.exists()
    assert rooms.preferences.settings.sampling.temperature == 0.7


async def test_a_browser_cannot_write_any_other_setting(rooms: Rooms, paths: Paths) -> None:
    await drawn(rooms.settings.set(visit(setting="server.host", value="0.0.0.0")))  # noqa: S104
    assert not paths.settings.exists()


async def test_a_bot_token_is_kept_and_never_shown(rooms: Rooms, paths: Paths) -> None:
    token = "123456:made-up"
    [views] = await drawn(rooms.settings.set(visit(setting="telegram.token", value=token)))
    assert "A bot token is set." in views["settings"]["html"]
    assert token not in views["settings"]["html"]
    assert token in paths.settings.read_text("utf-8")
    [views] = await drawn(rooms.settings.set(visit(setting="telegram.token", value="")))
    assert "No bot token yet." in views["settings"]["html"]
    assert token not in paths.settings.read_text("utf-8")


async def test_a_phone_is_paired_with_the_code_on_the_page_and_removed_again(rooms: Rooms) -> None:
    [views] = await drawn(rooms.settings.pair(visit()))
    code = views["settings"]["html"].split("<strong>")[1].split("<")[0]
    person = await rooms.assistant.people.pair("telegram", "4711", "Ada", code)
    [views] = await drawn(rooms.settings.panel(visit()))
    assert "Ada" in views["settings"]["html"]
    [views] = await drawn(rooms.settings.unpair(visit(person=person.id)))
    assert "Nobody is paired." in views["settings"]["html"]


async def test_a_chosen_language_is_spoken_in_the_same_breath(rooms: Rooms) -> None:
    [views] = await drawn(rooms.settings.set(visit(setting="language", value="zh", tag="en-GB")))
    assert "设置" in views["settings"]["html"]
    assert views["settings"]["language"] == "zh-CN"
    assert rooms.preferences.language("en-GB") == "zh"
