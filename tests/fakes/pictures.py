"""Pictures as people send them, and as nobody should."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

PLACE: Final = "Secret Lane 7"
"""What the camera of `photo` writes beside the picture."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"


def picture(*lines: str, format: str = "PNG", size: tuple[int, int] | None = None, **options: Any) -> bytes:
    """Black letters on white."""
    image = Image.new("RGB", size or (900, 90 + 70 * len(lines)), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((40, 40 + 70 * number), line, fill="black", font=ImageFont.load_default(40))
    return _saved(image, format, **options)


def photo(width: int = 2000, height: int = 1000) -> bytes:
    """Taken with the telephone on its side: it stands upright once it is turned. With a place, a time and a device."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = PLACE
    exif[0x0132] = "2026:11:22 10:00:00"
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 1.0)
    return _saved(Image.new("RGB", (width, height), "navy"), "JPEG", exif=exif, comment=PLACE.encode())


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A few kilobytes that say they are 900 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000_000), 9)) + chunk(b"IEND", b"")


def zipped() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as packed:
        packed.writestr("a.txt", "hello")
    return kept.getvalue()


def as_url(data: bytes, media: str = "image/png") -> str:
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _saved(image: Image.Image, format: str, **options: Any) -> bytes:
    kept = io.BytesIO()
    image.save(kept, format, **options)
    return kept.getvalue()
