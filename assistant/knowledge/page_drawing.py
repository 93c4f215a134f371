"""A page of a PDF as a picture with a passage marked on it. Runs in the process that reads files, as loading does."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from typing import Any, Final

from assistant.errors import DocumentUnreadable

_WIDTH: Final = 1200
_LONGEST: Final = 2400
"""Points of the picture's longer side, whatever size the page says it has."""
_CHARACTERS: Final = 40_000
_BEGINNING: Final = 24
"""Letters by which the place of a passage is found that goes on over the page's end."""
_MARK: Final = (214, 158, 46, 84)


def draw(path: Path, number: int, passage: str) -> bytes:
    """As PNG. `number` is counted from 1; a passage that is not found on the page is not marked. Raises
    DocumentUnreadable."""
    import pypdfium2 as pdfium

    try:
        with pdfium.PdfDocument(path) as document:
            if not 1 <= number <= len(document):
                raise DocumentUnreadable(path, "damaged")
            return _drawn(document[number - 1], passage)
    except pdfium.PdfiumError as error:
        raise DocumentUnreadable(path, "damaged") from error


def _drawn(page: Any, passage: str) -> bytes:
    from PIL import Image, ImageDraw

    width, height = page.get_size()
    scale = min(_WIDTH / max(1.0, width), _LONGEST / max(1.0, width, height))
    picture = page.render(scale=scale).to_pil().convert("RGBA")
    left, bottom = page.get_mediabox()[:2]
    marks = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(marks)
    for begin, low, end, high in _lines(page.get_textpage(), passage):
        corners = ((begin - left) * scale, (height - high + bottom) * scale - 1)
        pen.rectangle((*corners, (end - left) * scale, (height - low + bottom) * scale + 1), fill=_MARK)
    kept = io.BytesIO()
    Image.alpha_composite(picture, marks).convert("RGB").save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _lines(text: Any, passage: str) -> list[tuple[float, float, float, float]]:
    """Where the passage stands: left, bottom, right and top of each line, in points."""
    places = [
        (letter, place)
        for place in range(min(text.count_chars(), _CHARACTERS))
        for letter in _letters(text.get_text_range(place, 1))
    ]
    on_page, wanted = "".join(letter for letter, _ in places), _letters(passage)
    start = on_page.find(wanted)
    if start < 0:
        start = on_page.find(wanted[:_BEGINNING])
    if start < 0 or not wanted:
        return []
    boxes: list[list[float]] = []
    for (letter, place), same in zip(places[start:], wanted, strict=False):
        if letter != same:
            break
        begin, low, end, high = text.get_charbox(place)
        if boxes and _same_line(boxes[-1], low, high) and begin >= boxes[-1][0]:
            boxes[-1] = [boxes[-1][0], min(low, boxes[-1][1]), max(end, boxes[-1][2]), max(high, boxes[-1][3])]
        else:
            boxes.append([begin, low, end, high])
    return [(box[0], box[1], box[2], box[3]) for box in boxes]


def _same_line(box: list[float], low: float, high: float) -> bool:
    return min(box[3], high) - max(box[1], low) > 0.4 * min(box[3] - box[1], high - low)


def _letters(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKC", text).lower() if one.isalnum())
