"""Pictures in a chat: the text in them goes to the model as data, with the caption as the question."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from assistant.errors import DocumentUnreadable
from tests.bots.telegram.conftest import Play


def picture(*lines: str) -> bytes:
    """Black letters on white."""
    image = Image.new("RGB", (900, 90 + 70 * len(lines)), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((40, 40 + 70 * number), line, fill="black", font=ImageFont.load_default(40))
    kept = io.BytesIO()
    image.save(kept, "PNG")
    return kept.getvalue()


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
