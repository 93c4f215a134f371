"""Pictures in a chat: the text in them goes to the model as data, with the caption as the question."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path

import pytest

from assistant.errors import DocumentUnreadable
from tests.bots.telegram.conftest import Play
from tests.fakes.chat_model import ScriptedChatModel
from tests.fakes.pictures import bomb, opened, photo, picture


async def test_without_the_extra_a_sentence_says_how_to_get_it(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play() as scene:
        monkeypatch.setattr(scene.assistant.documents, "read", _unreadable("no_ocr"))
        ann = await scene.paired()
        ann.private.send_photo("How much is it?", picture("TOTAL 840"))
        told = await ann.private.chat.wait_for(lambda message: "pip install 'patina[ocr]'" in message.text)
        assert "an extra" in told.text
        ming = await scene.paired(1002, "Ming", "zh")
        ming.private.send_photo("多少钱？", picture("TOTAL 840"))
        await ming.private.chat.wait_for(lambda message: "我还不能读图片里的文字" in message.text)
        assert scene.model.calls == []


async def test_the_text_in_a_picture_goes_along_as_data(play: Play) -> None:
    async with play("840 euros.") as scene:
        ann = await scene.paired()
        ann.private.send_photo("How much is it?", picture("Invoice of March", "Total 840 euros"))
        await ann.private.chat.wait_for(lambda message: message.text == "840 euros.", within=60)
        asked = scene.model.calls[0][-1].text
        assert "840 euros" in asked
        assert "How much is it?" in asked
        assert 'attached the file "picture.txt"' in asked, "framed as a file is, which is data"
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert [one.name for one in turn.attachments] == ["picture.txt"]
        assert await scene.assistant.documents.documents() == [], "nothing of it is kept in the library"


async def test_a_picture_without_text_is_not_guessed_at(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play() as scene:
        monkeypatch.setattr(scene.assistant.documents, "read", _unreadable("no_text"))
        ann = await scene.paired()
        ann.private.send_photo("What is this?", picture())
        await ann.private.chat.wait_for(lambda message: "I find no text in this picture" in message.text)
        assert scene.model.calls == []


@pytest.mark.parametrize(
    ("reason", "said"),
    [("no_ocr", "patina[ocr]"), ("no_text", "I find no text"), ("damaged", "it is damaged"), ("", "did not hand me")],
)
async def test_what_stands_below_a_forwarded_picture_goes_along_without_it(
    play: Play, monkeypatch: pytest.MonkeyPatch, reason: str, said: str
) -> None:
    async with play("News.") as scene:
        if reason:
            monkeypatch.setattr(scene.assistant.documents, "read", _unreadable(reason))
        else:
            scene.server.faults.refuse("download", 500, "Internal Server Error")
        ann = await scene.paired()
        ann.private.send_photo("A long post of a channel.", picture(), forwarded=True)
        await ann.private.chat.wait_for(lambda message: message.text == "News.")
        assert [said in message.text for message in ann.private.chat.answers] == [True, False]
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert (turn.question, [one.text for one in turn.attachments]) == ("", ["A long post of a channel."])


async def test_a_picture_that_does_not_come_is_told_of(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        scene.server.faults.refuse("download", 500, "Internal Server Error")
        ann.private.send_photo("What is this?", picture("Hello"))
        await ann.private.chat.wait_for(lambda message: message.text.startswith("picture: Telegram did not hand me"))


def _unreadable(reason: str) -> Callable[[str, AsyncIterable[bytes]], Awaitable[str]]:
    async def read(name: str, data: AsyncIterable[bytes]) -> str:
        async for _ in data:
            pass
        raise DocumentUnreadable(Path(name), reason)

    return read


async def test_an_album_of_pictures_is_one_question_in_the_order_they_were_sent_in(play: Play) -> None:
    async with play("880 euros together.") as scene:
        ann = await scene.paired()
        ann.private.send_photo("How much is it together?", picture("Invoice one", "Total 840 euros"), album="7")
        ann.private.send_photo("", picture("Invoice two", "Total 40 euros"), album="7")
        await ann.private.chat.wait_for(lambda message: message.text == "880 euros together.", within=60)
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert turn.question == "How much is it together?"
        assert [one.name for one in turn.attachments] == ["picture 1.txt", "picture 2.txt"]
        assert ["840" in one.text for one in turn.attachments] == [True, False]
        assert len(scene.model.calls) == 1


async def test_a_picture_of_an_album_that_cannot_be_read_is_named_and_the_rest_goes_on(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play("One of three.") as scene:
        monkeypatch.setattr(scene.assistant.documents, "read", _reads_what_is_in_it)
        ann = await scene.paired()
        ann.private.send_photo("Sum them up", b"nothing", album="7")
        ann.private.send_photo("", b"SECOND", album="7")
        third = ann.private.send_photo("", b"THIRD", album="7")
        scene.server.lose_file(third.media["photo"][-1]["file_id"])
        await ann.private.chat.wait_for(lambda message: message.text == "One of three.")
        told = ann.private.chat.answers[0].text.splitlines()
        assert told[0].startswith("picture 1: I find no text in this picture")
        assert told[1].startswith("picture 3: Telegram did not hand me this file")
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert [(one.name, one.text) for one in turn.attachments] == [("picture 2.txt", "SECOND")]


async def test_an_album_of_which_nothing_can_be_read_is_told_of_and_not_asked(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play() as scene:
        monkeypatch.setattr(scene.assistant.documents, "read", _unreadable("no_ocr"))
        ann = await scene.paired()
        for number in range(3):
            ann.private.send_photo("What do they say?" if number == 0 else "", picture("x"), album="7")
        told = await ann.private.chat.wait_for(lambda message: "pip install 'patina[ocr]'" in message.text)
        assert told.text.count("patina[ocr]") == 1, "said once for all of them"
        ann.private.send("/quota")
        await ann.private.chat.wait_for(lambda message: message.text.startswith("Today: 0 of"))
        assert scene.model.calls == []


async def _reads_what_is_in_it(name: str, data: AsyncIterable[bytes]) -> str:
    text = b"".join([piece async for piece in data]).decode()
    if text == "nothing":
        raise DocumentUnreadable(Path(name), "no_text")
    return text


async def test_a_model_that_sees_is_shown_what_was_sent_and_an_album_in_its_order(play: Play) -> None:
    model = ScriptedChatModel(answers=["Two walls."], vision=True, window=16_384)
    async with play(model=model) as scene:
        ann = await scene.paired()
        ann.private.send_photo("What are these?", photo(400, 200), album="7")
        ann.private.send_photo("", photo(600, 200), album="7")
        await ann.private.chat.wait_for(lambda message: message.text == "Two walls.", within=60)
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert [(one.name, one.media) for one in turn.attachments] == [
            ("picture 1.jpg", "image/jpeg"), ("picture 2.jpg", "image/jpeg")
        ]  # fmt: skip
        text, *shown = model.calls[0][-1].content
        assert "What are these?" in text["text"]  # type: ignore[index]
        sizes = [opened(base64.b64decode(one["base64"])).size for one in shown]  # type: ignore[index]
        assert sizes == [(200, 400), (200, 600)]


async def test_a_picture_that_would_burst_is_told_of_and_nobody_asked(play: Play) -> None:
    model = ScriptedChatModel(answers=["?"], vision=True)
    async with play(model=model) as scene:
        ann = await scene.paired()
        ann.private.send_photo("What is this?", bomb())
        await ann.private.chat.wait_for(lambda message: "60 million pixels" in message.text, within=30)
        assert model.calls == []
