"""What a question wants is told by rules, in both languages, and mostly it is nothing in particular."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import ParameterRefused
from assistant.i18n import LANGUAGES, explain
from assistant.prompting.intent import INTENTS, intent_of

WANTED = {
    "small-talk": [
        "Hi!",
        "Hello there",
        "thank you very much",
        "How are you today?",
        "你好呀",
        "在吗？",
        "谢谢你！",
        "早上好",
    ],
    "translation": [
        "Translate this into German: The cat sleeps.",
        "Please, can you translate the text below",
        "How do you say “good luck” in French?",
        "把下面这段话翻译成英文",
        "“加油”用英语怎么说？",
    ],
    "summary": [
        "Summarise the following text",
        "Give me a short summary of it",
        "tl;dr",
        "请总结一下这篇文章",
        "概括主要内容",
    ],
    "writing": [
        "Write a short poem about autumn",
        "Could you draft a polite email to my landlord about the heating?",
        "Rephrase this so that it is friendlier",
        "帮我写一封请假邮件",
        "请把这段话润色一下",
        "写一首关于秋天的诗",
    ],
    "code": [
        "Write a function that reverses a list",
        "How do I sort a dictionary by value in Python?",
        "Why do I get this traceback?",
        "```\nx = 1\n```",
        "What is wrong here?\ndef f(x):\n    return y",
        "SELECT name FROM people WHERE age > 3 is slow",
        "用 Python 写一个快速排序",
        "这段代码为什么报错？",
        "Rewrite this function without recursion: f(n)",
    ],
    "documents": [
        "What does it say in my rental contract about pets?",
        "According to the attached handbook, who approves leave?",
        "合同里写的押金是多少？",
        "根据员工手册，年假有几天？",
    ],
    "": [
        "Who was Ada Lovelace?",
        "Hi, why is the sky blue?",
        "Select a good book from the ones you know.",
        "Let me know (soon): is Java an island?",
        "What did she write in 1843?",
        "天空为什么是蓝色的？",
        "你好，请问北京有多少人？",
        "我昨天写了很久",
        "",
    ],
}


@pytest.mark.parametrize(("intent", "question"), [(intent, one) for intent, all in WANTED.items() for one in all])
def test_what_a_question_wants(intent: str, question: str) -> None:
    assert intent_of(question) == intent
    assert intent_of(f"  {question}\n") == intent


def test_every_intent_has_questions_here() -> None:
    assert set(WANTED) == {*INTENTS, ""}


@given(st.text(max_size=400), st.sampled_from([one for all in WANTED.values() for one in all]))
def test_whatever_is_asked_it_is_one_of_them_and_always_the_same(noise: str, question: str) -> None:
    for text in (noise, noise + question, question + noise):
        assert intent_of(text) in ("", *INTENTS)
        assert intent_of(text) == intent_of(text)


@pytest.mark.parametrize(
    "piece", ["please ", "请帮我", "hi ", "write a ", "根据", "in the a ", "def ", "\n", "how do you say "]
)
def test_a_long_message_takes_no_time(piece: str) -> None:
    began = time.process_time()
    intent_of(piece * 20_000)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_about_an_unknown_intent_names_them_all(language: str) -> None:
    said = explain(ParameterRefused(name="intent", reason="no_such_intent"), language)  # type: ignore[arg-type]
    assert all(intent in said for intent in INTENTS)
