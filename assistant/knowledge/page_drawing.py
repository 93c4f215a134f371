"""A page of a PDF as a picture with a passage marked on it. Runs in the process that reads files, as loading does."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from assistant.errors import DocumentUnreadable

_WIDTH: Final = 1200
_LONGEST: Final = 2400
"""Points of the picture's longer side, whatever size the page says it has."""
_CHARACTERS: Final = 40_000
_BEGINNING: Final = 24
"""Letters by which the place of a passage is found that goes on over the page's end."""
_TRIED: Final = 4
_MARK: Final = (214, 158, 46, 46)
_TOLD: Final = (214, 158, 46, 110)
Box: TypeAlias = tuple[float, float, float, float]
"""Left, bottom, right and top, in points."""


def draw(path: Path, pages: Sequence[int], passage: str, told: Sequence[str]) -> bytes:
    """The first page from the first to the last of `pages` on which something that is `told` stands, else the first of
    them, as PNG. The passage is marked there, what is told more strongly; what is not found is not marked. Raises
    DocumentUnreadable."""
    import pypdfium2 as pdfium

    try:
        with pdfium.PdfDocument(path) as document:
            if not 1 <= pages[0] <= len(document):
                raise DocumentUnreadable(path, "damaged")
            last = min(pages[-1], pages[0] + _TRIED, len(document))
            for number in range(pages[0], last + 1):
                marks = _marks(document[number - 1].get_textpage(), passage, told)
                if marks[1] or number == last:
                    break
            if not marks[1]:
                number, marks = pages[0], _marks(document[pages[0] - 1].get_textpage(), passage, told)
            return _drawn(document[number - 1], marks)
    except pdfium.PdfiumError as error:
        raise DocumentUnreadable(path, "damaged") from error


def _marks(text: Any, passage: str, told: Sequence[str]) -> tuple[list[Box], list[Box]]:
    places = [
        (letter, place)
        for place in range(min(text.count_chars(), _CHARACTERS))
        for letter in _letters(text.get_text_range(place, 1))
    ]
    return _lines(text, places, passage), [box for one in told for box in _lines(text, places, one)]


def _drawn(page: Any, marks: tuple[list[Box], list[Box]]) -> bytes:
    from PIL import Image, ImageDraw

    width, height = page.get_size()
    scale = min(_WIDTH / max(1.0, width), _LONGEST / max(1.0, width, height))
    picture = page.render(scale=scale).to_pil().convert("RGBA")
    left, bottom = page.get_mediabox()[:2]
    above = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(above)
    for boxes, colour in zip(marks, (_MARK, _TOLD), strict=True):
        for begin, low, end, high in boxes:
            corner = ((begin - left) * scale, (height - high + bottom) * scale - 1)
            pen.rectangle((*corner, (end - left) * scale, (height - low + bottom) * scale + 1), fill=colour)
    kept = io.BytesIO()
    Image.alpha_composite(picture, above).convert("RGB").save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _lines(text: Any, places: Sequence[tuple[str, int]], passage: str) -> list[Box]:
    """Where a passage stands, line by line."""
    on_page, wanted = "".join(letter for letter, _ in places), _letters(passage)
    start = on_page.find(wanted)
    if start < 0:
        start = on_page.find(wanted[:_BEGINNING])
    if start < 0 or not wanted:
        return []
    boxes: list[Box] = []
    for (letter, place), same in zip(places[start:], wanted, strict=False):
        if letter != same:
            break
        begin, low, end, high = text.get_charbox(place)
        if boxes and _same_line(boxes[-1], low, high) and begin >= boxes[-1][0]:
            box = boxes[-1]
            boxes[-1] = (box[0], min(low, box[1]), max(end, box[2]), max(high, box[3]))
        else:
            boxes.append((begin, low, end, high))
    return boxes


def _same_line(box: Box, low: float, high: float) -> bool:
    return min(box[3], high) - max(box[1], low) > 0.4 * min(box[3] - box[1], high - low)


def _letters(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKC", text).lower() if one.isalnum())
