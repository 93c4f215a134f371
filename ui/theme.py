"""The look: Patina's own colours given to Gradio, and the style and script of the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import gradio as gr
from gradio.themes.utils import sizes

_HERE: Final = Path(__file__).parent
_GRADIO_FILES: Final = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
_FONTS: Final = ("system-ui", "PingFang SC", "Microsoft YaHei UI", "Noto Sans CJK SC", "sans-serif")

PAPER, PAPER_DARK = "#faf9f6", "#171916"
INK, INK_DARK = "#23271f", "#e6e8e1"


def theme() -> gr.themes.Base:
    """System fonts only, so that nothing is fetched; the page's own style sheet does the rest."""
    look = gr.themes.Base(
        primary_hue=gr.themes.colors.emerald,
        neutral_hue=gr.themes.colors.stone,
        radius_size=sizes.radius_lg,
        font=_FONTS,
        font_mono=("ui-monospace", "Consolas", "Noto Sans Mono CJK SC", "monospace"),
    )
    return look.set(
        body_background_fill=PAPER,
        body_background_fill_dark=PAPER_DARK,
        body_text_color=INK,
        body_text_color_dark=INK_DARK,
    )


def head() -> str:
    """Style and script of the page, inline: they stand before the first thing is drawn, so nothing flashes."""
    facts = json.dumps({"katex": _asset("katex-*.js"), "katexStyle": _asset("katex-*.css")})
    scripts, styles = ("drawing.js", "library.js", "memory.js", "page.js"), ("page.css", "library.css", "memory.css")
    script = "\n".join((_HERE / name).read_text("utf-8") for name in scripts)
    style = "\n".join((_HERE / name).read_text("utf-8") for name in styles)
    return f"<style>{style}</style><script>window.patinaFacts = {facts};</script><script>{script}</script>"


def _asset(pattern: str) -> str:
    """The address of a file in Gradio's own bundle; empty when this version has none, and TeX is shown as text."""
    found = sorted(_GRADIO_FILES.glob(pattern))
    return f"./assets/{found[0].name}" if found else ""
