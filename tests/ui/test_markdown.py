from __future__ import annotations

import pytest

from ui.markdown import Markdown


@pytest.fixture
def markdown() -> Markdown:
    return Markdown(remembered=3)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "<svg/onload=alert(1)>",
        "```<script>alert(1)</script>\ncode\n```",
        '```"><script>alert(1)</script>\ncode\n```',
        "$<script>alert(1)</script>$",
        '$$\n"><script>alert(1)</script>\n$$',
        '[a](http://x.test/"onmouseover="alert(1))',
    ],
)
def test_no_markup_of_a_text_reaches_the_page_as_markup(markdown: Markdown, text: str) -> None:
    html = markdown.render(text, "Copy").lower()
    for opening in ("<script", "<img", "<svg", ' onmouseover="'):
        assert opening not in html


@pytest.mark.parametrize("address", ["javascript:alert(1)", "vbscript:x", "data:text/html,x", "JAVASCRIPT:alert(1)"])
def test_a_link_that_would_run_something_is_no_link(markdown: Markdown, address: str) -> None:
    assert "<a " not in markdown.render(f"[press]({address})", "Copy")


def test_a_link_opens_beside_the_page_and_tells_nothing_about_it(markdown: Markdown) -> None:
    html = markdown.render("[page](http://x.test/?a=1&b=2)", "Copy")
    assert '<a href="http://x.test/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">page</a>' in html


def test_an_image_is_a_link_since_fetching_it_would_leave_the_machine(markdown: Markdown) -> None:
    html = markdown.render("![picture](http://x.test/spy.png)", "Copy")
    assert "src=" not in html
    assert 'href="http://x.test/spy.png"' in html


def test_code_is_coloured_and_carries_a_copy_button(markdown: Markdown) -> None:
    html = markdown.render("```python\ndef f(): return '<b>'\n```", "复制")
    assert '<span class="k">def</span>' in html
    assert "&lt;b&gt;" in html
    assert '<button type="button" data-do="copy-code">复制</button>' in html


def test_code_in_a_language_nobody_knows_is_shown_as_it_is(markdown: Markdown) -> None:
    assert "<pre><code>a &lt; b\n</code></pre>" in markdown.render("```nosuch\na < b\n```", "Copy")


@pytest.mark.parametrize(
    ("text", "tex", "display"),
    [
        ("$x^2$", "x^2", "0"),
        (r"\(a_b\)", "a_b", "0"),
        ("$$y = 1$$", "y = 1", "1"),
        (r"\[z\]", "z", "1"),
        ("$$\na\n=\nb\n$$", "a\n=\nb", "1"),
        ("\\[\n\\frac{1}{2}\n\\]", "\\frac{1}{2}", "1"),
    ],
)
def test_formulas_are_left_for_the_browser_to_set(markdown: Markdown, text: str, tex: str, display: str) -> None:
    html = markdown.render(text, "Copy")
    assert f'data-display="{display}" data-tex="{tex}"' in html


@pytest.mark.parametrize("text", ["It costs $5 and $6.", "a $ b $ c", "echo $HOME", r"a \$5\$ note", "`$x$`"])
def test_dollars_that_are_no_formula_stay_dollars(markdown: Markdown, text: str) -> None:
    assert "data-tex" not in markdown.render(text, "Copy")


def test_a_formula_still_being_written_is_text(markdown: Markdown) -> None:
    assert "data-tex" not in markdown.render("$$\na + b", "Copy")


def test_the_same_text_is_rendered_once_and_old_ones_are_forgotten(markdown: Markdown) -> None:
    first = markdown.render("one", "Copy")
    assert markdown.render("one", "Copy") is first
    for other in ("two", "three", "four"):
        markdown.render(other, "Copy")
    assert markdown.render("one", "Copy") == first
    assert markdown.render("one", "Copy") is not first
