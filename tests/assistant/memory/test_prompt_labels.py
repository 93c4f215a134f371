"""Labels move in one piece: there is one version in production, and always one to go back to."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import NotFound, VersionNotInUse
from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore, Scope, in_production
from tests.assistant.memory.conftest import Clock

CHAT = Scope("chat", "en")


@pytest.fixture
def labels(db: Database, clock: Clock) -> PromptLabels:
    versions = PromptVersionStore(db, clock)
    for id in ("a1", "b2", "c3"):
        versions.remember(id, name="chat", language="en", purpose="chat", text=id, author="optimiser")
    return PromptLabels(db, clock)


def worn(labels: PromptLabels) -> dict[str, str]:
    return {one.label: one.version_id for one in labels.all()}


def test_a_promotion_keeps_the_one_before_and_a_rollback_goes_there(labels: PromptLabels) -> None:
    labels.promote(CHAT, "a1", "by hand")
    labels.begin_trial(CHAT, "b2", 0.2, "looks better")
    assert worn(labels) == {"production": "a1", "canary": "b2"}
    labels.promote(CHAT, "b2", "it is")
    assert worn(labels) == {"production": "b2", "previous": "a1"}
    assert labels.rollback(CHAT, "it was not") == "a1"
    assert worn(labels) == {"production": "a1"}
    assert labels.rollback(CHAT, "back to the beginning") is None
    assert worn(labels) == {}
    with pytest.raises(NotFound):
        labels.rollback(CHAT, "")
    latest = labels.moves("chat")[0]
    assert (latest.label, latest.from_id, latest.to_id, latest.reason) == (
        "production", "a1", None, "back to the beginning"
    )  # fmt: skip


def test_what_two_take_back_at_once_goes_back_one_version(labels: PromptLabels) -> None:
    for id in ("a1", "b2", "c3"):
        labels.promote(CHAT, id, "")
    assert labels.rollback(CHAT, "it decayed", expected="c3") == "b2"
    with pytest.raises(VersionNotInUse) as refused:
        labels.rollback(CHAT, "undone on the page", expected="c3")
    assert refused.value.facts == {"name": "chat.en", "expected": "c3", "now": "b2"}
    assert worn(labels) == {"production": "b2"}
    assert labels.rollback(CHAT, "", expected="b2") is None
    with pytest.raises(VersionNotInUse) as refused:
        labels.rollback(CHAT, "", expected="b2")
    assert refused.value.facts["now"] is None, "the prompt that comes with Patina cannot be taken back"


def test_what_is_put_in_use_is_on_trial_no_more(labels: PromptLabels) -> None:
    """It would be on trial against itself."""
    labels.promote(CHAT, "a1", "")
    labels.promote(CHAT, "b2", "")
    labels.begin_trial(CHAT, "a1", 0.2, "once more")
    assert labels.rollback(CHAT, "undone") == "a1"
    assert worn(labels) == {"production": "a1"}
    labels.begin_trial(CHAT, "a1", 0.2, "")
    labels.promote(CHAT, "a1", "by hand")
    assert worn(labels) == {"production": "a1"}
    labels.promote(CHAT, "b2", "")
    labels.begin_trial(CHAT, "c3", 0.2, "")
    labels.promote(CHAT, "b2", "as it is")
    labels.rollback(CHAT, "")
    assert worn(labels) == {"production": "a1", "canary": "c3"}, "what is tried beside it stays on trial"


def test_what_was_decided_of_one_trial_is_done_to_no_other(db: Database, labels: PromptLabels) -> None:
    labels.begin_trial(CHAT, "a1", 0.2, "")
    seen = labels.of(CHAT, "canary")
    assert seen is not None
    labels.set_share(CHAT, 0.3, expected=seen)
    labels.begin_trial(CHAT, "a1", 0.2, "the same one again")
    again = labels.of(CHAT, "canary")
    labels.begin_trial(CHAT, "b2", 0.2, "by the owner")
    owners = labels.of(CHAT, "canary")
    for expected in (seen, again):
        for move in (
            partial(labels.promote, CHAT, "a1", ""), partial(labels.end_trial, CHAT, ""),
            partial(labels.set_share, CHAT, 0.5),
        ):  # fmt: skip
            with pytest.raises(VersionNotInUse) as refused:
                move(expected=expected)
            assert refused.value.facts == {"name": "chat.en", "expected": "a1", "now": "b2"}
    assert labels.all() == [owners]
    with db.transaction() as tables:
        tables.execute("DELETE FROM prompt_labels")
        tables.execute("DELETE FROM label_moves")
        tables.execute("DELETE FROM prompt_versions WHERE id = 'b2'")
    with pytest.raises(VersionNotInUse):
        labels.promote(CHAT, "b2", "", expected=owners)
    assert labels.all() == []


def test_a_model_of_its_own_comes_before_all_models(labels: PromptLabels) -> None:
    labels.promote(CHAT, "a1", "")
    labels.promote(Scope("chat", "en", model="qwen"), "b2", "")
    for model, version in (("qwen", "b2"), ("llama", "a1")):
        found = labels.nearest(Scope("chat", "en", intent="sums", model=model), "production")
        assert found is not None
        assert found.version_id == version == in_production(labels.all(), Scope("chat", "en", "sums", model))
    assert labels.nearest(Scope("chat", "zh"), "production") is None
    assert in_production(labels.all(), Scope("chat", "zh")) is None


def test_nothing_half_moved_is_left_when_a_move_fails(db: Database, labels: PromptLabels) -> None:
    labels.promote(CHAT, "a1", "")
    with pytest.raises(Exception, match="FOREIGN KEY"):
        labels.promote(CHAT, "unknown", "")
    assert worn(labels) == {"production": "a1"}
    assert len(labels.moves()) == 1
    with pytest.raises(ValueError, match="share"):
        labels.begin_trial(CHAT, "b2", 0, "")


def test_an_id_is_found_by_its_first_digits(db: Database, labels: PromptLabels) -> None:
    versions = PromptVersionStore(db)
    assert versions.find("b").id == "b2"
    versions.remember("b9", name="chat", language="en", purpose="chat", text="x", content={"a": 1}, parent_id="b2")
    assert (versions.get("b9").content, versions.get("b9").parent_id) == ({"a": 1}, "b2")
    for unclear in ("b", "", "zz"):
        with pytest.raises(NotFound):
            versions.find(unclear)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.sampled_from(["a1", "b2", "c3", "trial", "end", "back"]), max_size=12))
def test_whatever_is_done_in_whatever_order_one_version_is_in_production(
    labels: PromptLabels, deeds: list[str]
) -> None:
    labels.promote(CHAT, "a1", "")
    for deed in deeds:
        if deed == "back":
            if "production" in worn(labels):
                labels.rollback(CHAT, "")
        elif deed == "trial":
            labels.begin_trial(CHAT, "c3", 0.5, "")
        elif deed == "end":
            labels.end_trial(CHAT, "")
        else:
            labels.promote(CHAT, deed, "")
            assert worn(labels)["production"] == deed
            assert worn(labels).get("canary") != deed
        kinds = [one.label for one in labels.all()]
        assert len(kinds) == len(set(kinds))
        if {"production", "previous"} <= set(kinds):
            assert worn(labels)["production"] != worn(labels)["previous"]
