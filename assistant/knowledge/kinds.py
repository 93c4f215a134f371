"""What a file is, by what is in it: a name may say anything."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Final, Literal, TypeAlias

from assistant.errors import DocumentUnreadable

Kind: TypeAlias = Literal[
    "pdf", "docx", "pptx", "xlsx", "epub", "image", "html", "markdown", "table", "json", "xml", "code", "text"
]

LARGEST: Final = 200_000_000
"""Bytes of a file, and of all that a packed one unpacks to."""
LARGEST_TEXT: Final = 30_000_000
_TIMES_LARGER: Final = 200
"""By how much a packed file of some size may grow: office files stay below 50."""
_SMALL: Final = 10_000_000
_IMAGES: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_BITMAP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Bytes of the headers that bitmaps of Windows and OS/2 have had, which they tell themselves."""
_TAIL: Final = 2048
_PDF_BEGINS: Final = re.compile(rb"(?:^|[\r\n])%PDF-\d\.\d\s*[\r\n]")
_PDF_ENDS: Final = re.compile(rb"[\r\n]startxref\s+\d+\s+%%EOF")
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_PACKED: Final[tuple[tuple[str, Kind], ...]] = (
    ("word/document.xml", "docx"),
    ("ppt/presentation.xml", "pptx"),
    ("xl/workbook.xml", "xlsx"),
    ("META-INF/container.xml", "epub"),
)
_BY_ENDING: Final[dict[str, Kind]] = {
    **dict.fromkeys(("md", "markdown", "mdx", "rst"), "markdown"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("csv", "tsv"), "table"),
    **dict.fromkeys(("json", "jsonl", "ipynb"), "json"),
    **dict.fromkeys(("xml", "svg", "rss", "opml"), "xml"),
    **dict.fromkeys(
        (
            *(
                "py",
                "js",
                "ts",
                "tsx",
                "jsx",
                "java",
                "kt",
                "c",
                "h",
                "cpp",
                "hpp",
                "cc",
                "cs",
                "go",
                "rs",
                "rb",
                "php",
            ),
            *("swift", "scala", "lua", "sh", "bash", "ps1", "sql", "r", "jl", "pl", "dart", "css", "scss", "vue"),
            *("toml", "yaml", "yml", "ini", "cfg", "conf", "tex", "proto", "gradle", "cmake", "zig", "ex", "hs"),
        ),
        "code",
    ),
    **dict.fromkeys(("txt", "text", "log", "srt", "vtt", "org", "adoc"), "text"),
}
READABLE: Final = frozenset(
    {*_BY_ENDING, "pdf", "docx", "pptx", "xlsx", "epub", "png", "jpg", "jpeg", "bmp", "tif", "tiff"}
)
"""Endings of the files that are taken from a folder; a file that is named by itself is read whatever it is called."""


def ending(path: Path) -> str:
    return path.suffix.lower().lstrip(".")


def kind(path: Path, head: bytes) -> Kind:
    """`head` is how the file begins. Raises DocumentUnreadable where it is nothing that can be read."""
    if _is_pdf(path, head):
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _packed(path)
    if head.startswith(_OLD_OFFICE):
        encrypted = _ENCRYPTED in path.read_bytes()
        raise DocumentUnreadable(path, "encrypted" if encrypted else "unsupported")
    if _is_image(head):
        return "image"
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentUnreadable(path, "unsupported")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    found = _BY_ENDING.get(ending(path), "text")
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if found == "text" and start.startswith(b"<?xml"):
        return "xml"
    return found


def _is_pdf(path: Path, head: bytes) -> bool:
    """Lines of something else may stand before the signature; text that only speaks of it is text."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-"):
        return True
    if not _PDF_BEGINS.search(head[:1024]):
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return _PDF_ENDS.search(file.read(_TAIL)) is not None


def _is_image(head: bytes) -> bool:
    if head.startswith(_IMAGES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return True
    if b"\0" not in head:  # BMW and GIF89a are words, too
        return False
    return head.startswith((b"GIF87a", b"GIF89a")) or (
        head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS
    )


def _packed(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as packed:
            inside = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DocumentUnreadable(path, "damaged") from error
    unpacked = sum(one.file_size for one in inside)
    packed_size = max(1, sum(one.compress_size for one in inside))
    if unpacked > LARGEST or (unpacked > _SMALL and unpacked > _TIMES_LARGER * packed_size):
        raise DocumentUnreadable(path, "bomb")
    names = {one.filename for one in inside}
    for name, found in _PACKED:
        if name in names:
            if any(one.filename == name and one.flag_bits & 1 for one in inside):
                raise DocumentUnreadable(path, "encrypted")
            return found
    raise DocumentUnreadable(path, "unsupported")
