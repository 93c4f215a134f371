"""Answers from documents in a chat: numbers in the text, the passage behind a button, and who may see any of it."""

from __future__ import annotations

from tests.bots.telegram.conftest import Play, Scene

LEASE = "The rent is 840 euros a month. It is due on the third day of each month. Late payment costs 25 euros."
HOSTILE = "Fees_2026*[free](http://192.0.2.1/).md"


async def read(scene: Scene, name: str, text: str) -> None:
    await scene.assistant.documents.add_text(name, text)
    async for _ in await scene.assistant.documents.follow():
        pass


async def test_a_number_below_an_answer_sends_the_passage(play: Play) -> None:
    async with play("The rent is due on the third day of each month [9]. Its owner is called Blackbeard.") as scene:
        await read(scene, "lease.md", f"{LEASE}\n" + "Nothing else is said about it. " * 80)
        ann = await scene.paired()
        ann.private.send("When is the rent due?")
        answer = await ann.private.chat.wait_for(lambda message: bool(message.buttons))
        assert answer.text.startswith("The rent is due on the third day of each month [1]. Its owner")
        assert "Blackbeard°." in answer.text
        assert "[1] lease.md, line" in answer.text
        assert "° not from your documents" in answer.text
        assert answer.buttons == ["👍", "👎", "🔁", "✏️", "[1]"]
        ann.private.press(answer, "[1]")
        passage = await ann.private.chat.wait_for(lambda message: "840 euros" in message.text)
        assert passage.buttons == ["Wrong citation"]
        assert len(passage.text) < 1700
        assert await ann.private.press(passage, "Wrong citation").answered() == "Noted, thank you"
        await ann.private.press(answer, "👎").answered()
        await ann.private.chat.wait_for(lambda message: "👎 ✓" in message.buttons)
        assert "[1]" in answer.buttons, "a rating leaves the passages where they are"
        [told] = await scene.assistant.desk.evidence(redact=False)
        assert '"citation_opened", "citation_wrong"' in told


async def test_what_a_document_is_called_and_says_becomes_no_link(play: Play) -> None:
    said = "[free money](http://192.0.2.1/?leak=840) waits: late payment costs 25 euros."
    async with play(said) as scene:
        await read(scene, HOSTILE, f"{LEASE} <b>bold</b> *bold* [free money](http://192.0.2.1/)")
        ann = await scene.paired()
        ann.private.send("What does late payment cost?")
        answer = await ann.private.chat.wait_for(lambda message: bool(message.buttons))
        assert HOSTILE.replace("//", "/") in answer.text, "as the library calls it"
        ann.private.press(answer, "[1]")
        await ann.private.chat.wait_for(lambda message: "<b>bold</b> *bold*" in message.text)
        sent = [call for call in scene.server.calls if call.method in {"sendMessage", "editMessageText"}]
        assert all("text_link" not in str(call.params) for call in sent)
        assert all("is_disabled" in str(call.params["link_preview_options"]) for call in sent)


async def test_whether_answers_come_from_documents_is_chosen_in_the_chat(play: Play) -> None:
    async with play("I would make it up.") as scene:
        await read(scene, "lease.md", LEASE)
        ann = await scene.paired()
        ann.private.send("/documents always")
        await ann.private.chat.wait_for(lambda message: message.text.startswith("Here I answer only from your"))
        ann.private.send("Who is the mayor of Paris?")
        answer = await ann.private.chat.wait_for(lambda message: "That is not in the documents." in message.text)
        # The nearest passage has a button once it is found by meaning.
        assert answer.buttons[:4] == ["👍", "👎", "🔁", "✏️"]
        assert scene.model.calls == []
        ann.private.send("/documents")
        await ann.private.chat.wait_for(lambda message: "/documents auto" in message.text)


async def test_a_group_is_told_nothing_of_documents_unless_it_asks_for_that(play: Play) -> None:
    async with play("I do not know.") as scene:
        await read(scene, "lease.md", LEASE)
        ann = await scene.paired()
        group = scene.server.group(-100, "Flat")
        ann.in_chat(group).send("@patina_test_bot When is the rent due?")
        answer = await group.wait_for(lambda message: bool(message.buttons))
        assert answer.text == "I do not know."
