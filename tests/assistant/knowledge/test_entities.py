"""Names in passages: what is one, what is none, and the same name written in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.entities import key_of, mentions


def names(text: str, header: str = "") -> set[str]:
    return {one.name for one in mentions(text, header)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In 1898 Marie Curie discovered polonium at the University of Paris.", {"Marie Curie", "University of Paris"}),
        ("The quick brown fox. Nothing here. However, it rained.", set()),
        ("We asked Tesla, and NASA flew an F-16.", {"Tesla", "NASA", "F-16"}),
        ("Dr. J. R. R. Tolkien wrote it.", {"J. R. R. Tolkien"}),
        ("It was Nick Hexum's film. Later Paul Langevin left.", {"Nick Hexum", "Paul Langevin"}),
        ("王小明在北京大学学习，后来加入华为公司。", {"北京大学", "华为公司"}),
        ("《红楼梦》由曹雪芹所著。弗拉基米尔·普京在莫斯科市说。", {"红楼梦", "弗拉基米尔·普京", "莫斯科市"}),
        ("See [[Bronze care|here]] and [the wax page](wax.md), or report-2024.pdf.",
         {"Bronze care", "the wax page", "wax.md", "report-2024.pdf"}),
    ],
)  # fmt: skip
def test_names_are_found_by_how_they_are_written(text: str, expected: set[str]) -> None:
    assert names(text) == expected


def test_what_a_passage_stands_under_is_a_name_without_its_number() -> None:
    found = mentions("Nothing else.", "Handbook (2020) > 2.1 Cleaning Bronze > 第三章 保养")
    assert [(one.name, one.kind) for one in found] == [
        ("Handbook", "title"),
        ("Cleaning Bronze", "heading"),
        ("保养", "heading"),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bronze Statues", "bronze statue"),
        ("The Prestige (film)", "the prestige"),
        ("Ａpple", "apple"),
        ("F-16", "F 16"),
    ],
)
def test_one_name_has_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_has_names_with_keys_of_their_own(text: str, header: str) -> None:
    found = mentions(text, header)
    keys = [one.key for one in found]
    assert len(keys) == len(set(keys)) <= 40
    assert all(one.key and 1 < len(one.name) <= 60 for one in found)
    assert mentions(text, header) == found
