"""Makes text with structure of files. Runs in a process of its own: what a file does to a library, it does there.

Every library is imported only for a file that needs it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from assistant.errors import DocumentUnreadable
from assistant.knowledge import kinds
from assistant.knowledge.kinds import Kind
from assistant.knowledge.paged import Pages, pdf, picture
from assistant.knowledge.source import Form, Source, Tell, plain, squeezed

_HEAD: Final = 8192
_DATA: Final = re.compile(r"!?\[[^\]]*\]\(data:[^)]*\)")
_NO_VALUE: Final = re.compile(r"(?<=\| )(?:NaN|NaT|Unnamed: \d+)(?= \|)")
_FIRST_TITLE: Final = re.compile(r"\s*#\s+(.+)")
_GUESSED_ON: Final = 200_000
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff，。、；：？！“”‘’（）《》【】—…]")
_MOSTLY: Final = 0.9
_COMMON: Final = 0.5
"""Part of its characters that are common ones: nearly all in simplified Chinese, well over half in traditional."""
_LAST_COMMON: Final = 0xD7
"""First byte of the last row of the first level of GB 2312."""
_FORMS: Final[dict[Kind, Form]] = {"markdown": "markdown", "table": "table", "code": "code", "json": "prose"}


def load(
    path: Path,
    known: Mapping[int, str] | None = None,
    tell: Tell | None = None,
    largest: int = kinds.LARGEST_TEXT,
) -> Source:
    """`known` are texts of its pages that were recognised before, `tell` hears of every page; `largest` is how many
    bytes of text it may have. Raises DocumentUnreadable with the reason; MemoryError and RecursionError are the
    caller's."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise DocumentUnreadable(path, "folder")
        if size == 0:
            raise DocumentUnreadable(path, "empty")
        if size > kinds.LARGEST:
            raise DocumentUnreadable(path, "too_large")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise DocumentUnreadable(path, "missing") from error
    except OSError as error:
        raise DocumentUnreadable(path, "forbidden") from error
    found = kinds.kind(path, head)
    try:
        source = _read(path, found, size, Pages(path, known or {}, tell, largest))
    except (DocumentUnreadable, MemoryError):
        raise
    except Exception as error:
        # Whatever a library trips over: the file is not what its kind should be.
        raise DocumentUnreadable(path, "encrypted" if "password" in str(error).lower() else "damaged") from error
    if not source.text.strip():
        raise DocumentUnreadable(path, "no_text")
    if len(source.text.encode("utf-8", "replace")) > largest:
        raise DocumentUnreadable(path, "too_large")
    return source


def _read(path: Path, found: Kind, size: int, pages: Pages) -> Source:
    match found:
        case "pdf":
            return pdf(pages)
        case "image":
            return picture(pages)
        case "docx" | "pptx" | "xlsx" | "epub":
            return _marked(path, _office(path, found))
    if size > kinds.LARGEST_TEXT:
        raise DocumentUnreadable(path, "too_large")
    text = decode(path.read_bytes())
    match found:
        case "html":
            return _marked(path, _html(text), _html_title(text))
        case "markdown":
            return _marked(path, text)
        case "json":
            return Source(plain(_laid_out(text)), path.stem)
        case "xml":
            return Source(plain("\n".join(_xml(text))), path.stem)
    return Source(plain(text), path.stem, _FORMS.get(found, "prose"))


def decode(data: bytes) -> str:
    """As UTF-8, else as what it most likely is; what fits in nowhere is replaced."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    try:
        chinese = data.decode("gb18030")
    except UnicodeDecodeError:
        chinese = ""
    # Nearly every file fits into this encoding; it is one where what comes out is what Chinese is written with.
    foreign = [character for character in chinese[:_GUESSED_ON] if not character.isascii()]
    written = [character for character in foreign if _CHINESE.match(character)]
    common = sum(_is_common(character) for character in written)
    if foreign and len(written) > _MOSTLY * len(foreign) and common > _COMMON * len(written):
        return chinese
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_GUESSED_ON]).best()
    return data.decode(best.encoding if best else "latin-1", "replace")


def _is_common(character: str) -> bool:
    """Whether it is punctuation or in the first level of GB 2312, which nearly all Chinese is written with:
    pairs of accented or Cyrillic letters make rare ones."""
    try:
        first = character.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return first <= _LAST_COMMON


def _marked(path: Path, text: str, title: str = "") -> Source:
    first = _FIRST_TITLE.match(text)
    return Source(plain(text), title or (squeezed(first.group(1)) if first else path.stem), "markdown")


def _office(path: Path, found: Kind) -> str:
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter, EpubConverter, PptxConverter, XlsxConverter

    converters: dict[str, Any] = {
        "docx": DocxConverter,
        "pptx": PptxConverter,
        "xlsx": XlsxConverter,
        "epub": EpubConverter,
    }
    with path.open("rb") as file:
        text = converters[found]().convert(file, StreamInfo(extension=f".{found}")).markdown
    if found == "pptx":
        # Slides as headings, so that each can be cited by its number.
        text = re.sub(r"<!-- Slide number: (\d+) -->\n?", r"## \1\n\n", text)
    return _NO_VALUE.sub("", _DATA.sub("", text))


def _html(text: str) -> str:
    from markitdown.converters import HtmlConverter

    return _DATA.sub("", str(HtmlConverter().convert_string(text).markdown))


def _html_title(text: str) -> str:
    found = re.search(r"<title[^>]*>(.*?)</title>", text[:_GUESSED_ON], re.IGNORECASE | re.DOTALL)
    import html

    return squeezed(html.unescape(found.group(1))) if found else ""


def _laid_out(text: str) -> str:
    """JSON on lines, as it is where it has some."""
    if text.count("\n") * 200 > len(text):
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except ValueError:
        return text


def _xml(text: str) -> Iterator[str]:
    """What elements and attributes say, a line each, after what they are called."""
    from defusedxml.ElementTree import fromstring

    def walk(element: Any, depth: int) -> Iterator[str]:
        name = str(element.tag).rpartition("}")[2]
        values = [squeezed(element.text or ""), *(f"{key}={value}" for key, value in element.attrib.items())]
        said = " ".join(filter(None, values))
        yield f"{' ' * min(depth, 12)}{name}: {said}" if said else f"{' ' * min(depth, 12)}{name}"
        for child in element:
            yield from walk(child, depth + 1)
            if child.tail and child.tail.strip():
                yield f"{' ' * min(depth, 12)}{squeezed(child.tail)}"

    return walk(fromstring(text), 0)
