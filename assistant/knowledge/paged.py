"""Text of what comes page by page: pdf, and pictures of text.

Pages that are pictures are recognised, where the extra for that is installed. One takes about two seconds, so each is
told as it is done and may be known already.
"""

from __future__ import annotations

import importlib.util
import io
import re
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Final

from assistant.errors import DocumentUnreadable
from assistant.knowledge.source import PageRead, Source, Tell, plain, squeezed

_LEAST_ON_PAGE: Final = 8
"""Characters below which a page with anything on it is taken for a picture, and a whole file for pictures."""
_MARKED: Final = 120
"""Characters that scanners and offices print on the picture of a page: its number, a name, a date."""
_COVERED: Final = 0.5
"""Part of a page that pictures cover from which on it is taken for one, where it has no more text than that."""
_LOOKED_AT: Final = 500
"""Things on a page that are looked at for pictures."""
_WIDTH: Final = 1600
_WIDE: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\uff60]")
_ENDED: Final = tuple(".!?:;。！？：；…”\"')）】")
_LONG_LINE: Final = 0.8


class Pages:
    """The pages of one file as they are read: what they say, and whether some could not be recognised."""

    def __init__(self, path: Path, known: Mapping[int, str], tell: Tell | None, largest: int) -> None:
        self.path = path
        self._known = known
        self._tell = tell
        self._largest = largest
        self._texts: list[str] = []
        self._size = 0
        self._unread = 0

    def add(self, of: int, text: str, picture: Callable[[], bytes] | None = None) -> None:
        """The next page of so many: the text it has and, where that is not all, how it looks."""
        number, recognised = len(self._texts) + 1, None
        if picture is not None and number in self._known:
            recognised = self._known[number]
        elif picture is not None and _may_recognise():
            if self._tell is not None:
                self._tell(PageRead(number, of, begun=True))
            recognised = plain(_recognised(picture()))
        elif picture is not None:
            self._unread += 1
        if recognised is not None and len(recognised.strip()) > len(text.strip()):
            text = recognised
        self._texts.append(plain(text).strip() + "\n\n")
        self._size += len(self._texts[-1])
        if self._size > self._largest:  # a page may be shown again and again
            raise DocumentUnreadable(self.path, "too_large")
        if self._tell is not None:
            self._tell(PageRead(number, of, None if number in self._known else recognised))

    def source(self, title: str) -> Source:
        """Raises DocumentUnreadable where it is pictures and nothing recognises them."""
        if self._unread and sum(len(text.strip()) for text in self._texts) < _LEAST_ON_PAGE * len(self._texts):
            raise DocumentUnreadable(self.path, "no_ocr")
        starts = accumulate((len(text) for text in self._texts[:-1]), initial=0)
        return Source("".join(self._texts), title, "prose", tuple(starts), self._unread)


def pdf(pages: Pages) -> Source:
    import pypdfium2 as pdfium

    with pdfium.PdfDocument(pages.path) as document:
        title = squeezed(str(document.get_metadata_dict().get("Title") or "")) or pages.path.stem
        for page in document:
            textpage = page.get_textpage()
            text = _unwrapped(plain(textpage.get_text_range()))
            textpage.close()
            pages.add(len(document), text, partial(_drawn, page) if _is_picture(page, len(text.strip())) else None)
            page.close()
    return pages.source(title)


def picture(pages: Pages) -> Source:
    """A fax or a scan may have many pages in one file (TIFF)."""
    if not pages.path.read_bytes()[:4].startswith((b"II*\0", b"MM\0*")):
        return _single(pages.path)
    from PIL import Image

    with Image.open(pages.path) as image:
        of = int(getattr(image, "n_frames", 1))
        if of == 1:
            return _single(pages.path)
        for number in range(of):
            image.seek(number)
            pages.add(of, "", lambda: _as_png(image))
    return pages.source(pages.path.stem)


def _single(path: Path) -> Source:
    if not _may_recognise():
        raise DocumentUnreadable(path, "no_ocr")
    return Source(plain(_recognised(path.read_bytes())), path.stem)


def _is_picture(page: Any, characters: int) -> bool:
    """Whether its text is not what one sees on it: little or none, on a picture."""
    if characters >= _MARKED:
        return False
    things = list(islice(page.get_objects(max_depth=2), _LOOKED_AT))
    if characters < _LEAST_ON_PAGE:
        return bool(things)  # letters may also be drawn as lines
    whole = float(page.get_width() * page.get_height())
    return whole > 0 and sum(_areas(things)) >= _COVERED * whole


def _areas(things: list[Any]) -> Iterator[float]:
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    for thing in things:
        if thing.type == raw.FPDF_PAGEOBJ_IMAGE:
            with suppress(pdfium.PdfiumError):
                left, bottom, right, top = thing.get_bounds()
                yield max(0.0, right - left) * max(0.0, top - bottom)


def _unwrapped(text: str) -> str:
    """Lines that were only broken because the page is so wide, as one: words and pairs of characters go over them."""
    lines = text.split("\n")
    lengths = [len(line) for line in lines if line.strip()]
    if not lengths:
        return text
    long = _LONG_LINE * statistics.quantiles(lengths, n=10)[-1] if len(lengths) > 1 else len(text) + 1
    made: list[str] = []
    before = ""
    for line in lines:
        if made and line.strip() and len(before) >= long and not before.endswith(_ENDED):
            joined = "" if _WIDE.match(before[-1]) or _WIDE.match(line.lstrip()[0]) else " "
            made[-1] += joined + line.lstrip()
        else:
            made.append(line.rstrip())
        before = line.rstrip()
    return "\n".join(made)


def _drawn(page: Any) -> bytes:
    scale = _WIDTH / max(1.0, page.get_width())
    return _as_png(page.render(scale=min(scale, 4.0)).to_pil())


def _as_png(image: Any) -> bytes:
    kept = io.BytesIO()
    image.convert("RGB").save(kept, "PNG")
    return kept.getvalue()


def _may_recognise() -> bool:
    return importlib.util.find_spec("rapidocr") is not None


def _recognised(picture: bytes) -> str:
    return "\n".join(_engine()(picture).txts or ())


@lru_cache(maxsize=1)
def _engine() -> Any:
    """Loaded once for all pages: that takes longer than reading one."""
    from rapidocr import RapidOCR

    return RapidOCR()
