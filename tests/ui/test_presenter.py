from __future__ import annotations

import string
import time
from dataclasses import replace
from pathlib import Path

import pytest

import ui.presenter
from assistant.errors import EngineDied
from assistant.events import Timings
from assistant.i18n import LANGUAGES, Catalogue
from assistant.memory.records import Aside, Attachment, Conversation, SearchHit, Turn
from assistant.models.records import DownloadProgress, FitReport, ModelInfo
from ui.markdown import Markdown
from ui.presenter import Draft, Presenter

TURN = Turn(
    id="t1",
    conversation_id="c1",
    parent_id=None,
    source="new",
    source_turn_id=None,
    face="page",
    person_id=None,
    status="done",
    question="Why <b>?",
    answer="Because **so**.",
    created_at=0.0,
    model="qwen",
    prompt_version="p7",
    timings=Timings(tokens_per_second=12.34),
    siblings=("t1",),
)


@pytest.fixture
def presenter() -> Presenter:
    return Presenter(Markdown())


def test_both_catalogues_have_the_same_sentences_with_the_same_placeholders() -> None:
    catalogue = Catalogue(Path(ui.presenter.__file__).parent / "locales")
    assert catalogue.keys("en") == catalogue.keys("zh")

    def placeholders(sentence: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    for key in catalogue.keys("en"):
        assert placeholders(catalogue.raw("en", key)) == placeholders(catalogue.raw("zh", key)), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_four_example_questions_in_each_language(presenter: Presenter, language: str) -> None:
    assert len(presenter.text(language, "start.examples").strip().splitlines()) == 4  # type: ignore[arg-type]


def test_a_turn_shows_question_answer_model_speed_and_prompt_version(presenter: Presenter) -> None:
    html = presenter.turn(TURN, "en")
    assert "Why &lt;b&gt;?" in html
    assert "<strong>so</strong>" in html
    assert "qwen · 12.3 tokens/s" in html
    assert 'title="Prompt version p7"' in html
    assert 'data-source="Because **so**."' in html


def test_a_turn_with_siblings_shows_which_one_it_is_and_where_the_others_are(presenter: Presenter) -> None:
    html = presenter.turn(replace(TURN, id="t2", siblings=("t1", "t2", "t3")), "zh")
    assert "2 / 3" in html
    assert 'data-to="t1"' in html
    assert 'data-to="t3"' in html


def test_the_thumb_that_was_given_is_pressed(presenter: Presenter) -> None:
    html = presenter.turn(replace(TURN, rating="thumb_up", ratings=((None, "thumb_down"), ("bo", "thumb_up"))), "en")
    assert 'data-kind="thumb_down" aria-pressed="true"' in html
    assert 'data-kind="thumb_up" aria-pressed="false"' in html


@pytest.mark.parametrize(
    ("turn", "sentence"),
    [
        (replace(TURN, status="stopped"), "已停止。"),
        (replace(TURN, status="interrupted"), "这条回答被中断"),
        (replace(TURN, status="failed"), "这条回答没能写出来。"),
        (replace(TURN, finish_reason="length"), "回答达到了长度上限。"),
    ],
)
def test_an_answer_that_did_not_end_by_itself_says_why(presenter: Presenter, turn: Turn, sentence: str) -> None:
    assert sentence in presenter.turn(turn, "zh")


def test_an_error_is_told_in_the_persons_language_without_names_of_code(presenter: Presenter) -> None:
    draft = Draft("Half", writing=False, error=EngineDied(exit_code=-9))
    html = presenter.turn(replace(TURN, status="failed"), "zh", draft)
    assert "note error" in html
    assert "EngineDied" not in html
    assert "Half" in html


def test_an_answer_being_written_shows_where_it_stands_and_no_buttons_yet(presenter: Presenter) -> None:
    html = presenter.turn(TURN, "en", Draft(status="2 ahead of you"))
    assert "2 ahead of you" in html
    assert "data-do=" not in html.split('class="answer"')[1]


def test_thinking_is_folded_away(presenter: Presenter) -> None:
    html = presenter.turn(replace(TURN, reasoning="First, consider."), "en")
    assert '<details class="thinking"><summary>Thought</summary>' in html


def test_turns_left_out_and_attached_files_are_told(presenter: Presenter) -> None:
    file = Attachment("a", "notes<1>.txt", 2048, "0", "text")
    html = presenter.turn(replace(TURN, dropped_turns=3, attachments=(file,)), "en")
    assert "The oldest 3 turns did not fit" in html
    assert "notes&lt;1&gt;.txt" in html
    assert "2.0 kB" in html


def test_what_was_read_in_their_place_can_be_unfolded(presenter: Presenter) -> None:
    parts = Aside("summary", "p1", "Ann <b> moved."), Aside("summary", "p1", "And on.")
    turn = replace(TURN, dropped_turns=3, asides=parts)
    writing = Draft(dropped_turns=3, earlier="Ann <b> moved.\nAnd on.")
    for html in (presenter.turn(turn, "en"), presenter.turn(TURN, "en", writing)):
        assert "<summary>The oldest 3 turns did not fit; a summary of them was read.</summary>" in html
        assert "Ann &lt;b&gt; moved.\nAnd on." in html
    assert "最早的 3 轮对话放不下，改读了它们的摘要。" in presenter.turn(turn, "zh")
    assert "Also asked" not in presenter.turn(turn, "en")


@pytest.mark.parametrize(
    ("purpose", "text", "told"),
    [
        ("query-rewrite", "bees in <winter>", "<small>查找的内容</small><span>bees in &lt;winter&gt;</span>"),
        ("routing", "tools", "<small>到哪里找答案</small><span>用工具</span>"),
        ("planning", '["look it up", "tell Ben"]', "<small>步骤</small><span>look it up → tell Ben</span>"),
        ("reflection", "A spider has eight legs.", "<small>复查</small><span>A spider has eight legs.</span>"),
    ],
)
def test_what_was_asked_beside_an_answer_is_told_with_its_prompt(
    presenter: Presenter, purpose: str, text: str, told: str
) -> None:
    html = presenter.turn(replace(TURN, asides=(Aside(purpose, "p9", text),)), "zh")
    assert f'data-do="why" data-version="p9">{told}</a>' in html
    assert "为这个回答还问过" in html


def test_conversations_stand_under_their_day(presenter: Presenter) -> None:
    noon = time.mktime((*time.localtime()[:3], 12, 0, 0, 0, 0, -1))
    days = [0, 1, 4, 20, 400]
    conversations = [Conversation(str(ago), f"{ago} days", 0, noon - ago * 86_400, None, 1) for ago in days]
    html = presenter.sidebar("en", conversations, more=False)
    headings = ["Today", "Yesterday", "Past 7 days", "Past 30 days", "Older"]
    places = [html.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert 'data-do="more"' not in html


def test_a_search_hit_is_marked_and_nothing_in_it_is_markup(presenter: Presenter) -> None:
    hit = SearchHit("c", "<i>Title</i>", "t", "user", "the <b>mark</b> of Mark", ("mark", "Mark"), 0)
    html = presenter.found("en", "mark", [hit])
    assert "the &lt;b&gt;<mark>mark</mark>&lt;/b&gt; of <mark>Mark</mark>" in html
    assert "&lt;i&gt;Title" in html


def test_a_search_without_hits_says_so(presenter: Presenter) -> None:
    assert "没有找到“鲸鱼”" in presenter.found("zh", "鲸鱼", [])


def test_the_chooser_tells_fit_size_and_what_can_be_done(presenter: Presenter) -> None:
    fit = FitReport("too_large", 9_000_000_000, 4_000_000_000, 3.0, "CPU")
    model = ModelInfo("big", "Big", "catalogue", False, False, 8_100_000_000, 14, "Q4", 8192, "MIT", ("en",), fit)
    html = presenter.models("en", [model, replace(model, name="now", current=True, installed=True, fit=None)], {})
    assert "won&#39;t fit" in html
    assert "8.1 GB" in html
    assert "needs 9.0 GB of 4.0 GB memory" in html
    assert 'data-do="pull" data-model="big"' in html
    assert "in use" in html


def test_only_a_file_of_our_own_that_is_not_in_use_can_be_removed_and_only_after_a_question(
    presenter: Presenter,
) -> None:
    ours = ModelInfo("ours", "O", "local", True, False, 491_000_000, 0.5, "Q4", 8192, "MIT", ("en",), None)
    models = [replace(ours, removable=True), replace(ours, name="theirs"), replace(ours, name="used", current=True)]
    html = presenter.models("en", models, {})
    assert html.count('data-do="remove-open"') == 1
    assert "Delete the file (491.0 MB)?" in html
    assert 'data-do="remove-model" data-model="ours"' in html


def test_a_download_shows_how_far_it_is(presenter: Presenter) -> None:
    model = ModelInfo("m", "M", "catalogue", False, False, 100, 1, "Q4", 8192, "MIT", ("en",), None)
    step = DownloadProgress("m", "hub", "downloading", 25_000_000, 100_000_000, 1_000_000, 300)
    html = presenter.models("zh", [model], {"m": step})
    assert "width: 25.0%" in html
    assert "25.0 MB / 100.0 MB · 1.0 MB/秒 · 还需 5 分钟" in html
