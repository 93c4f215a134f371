"""Pictures made small and plain, whatever they were, and whatever somebody made of their bytes."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from assistant.errors import DocumentUnreadable
from assistant.knowledge.pictures import is_meant_as_picture, media_of
from assistant.knowledge.scaling import LONGEST_SIDE, shrunk
from tests.fakes.pictures import opened, photo, picture

SOUND = {"png": picture("ab"), "jpg": photo(300, 200), "webp": picture("ab", format="WEBP")}


def _shrunk(data: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(data)
        return shrunk(path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_colour_is_taken_and_stays_what_it_was(mode: str) -> None:
    grey = Image.linear_gradient("L").resize((2560, 640))
    image = (
        Image.frombytes("I;16", grey.size, bytes(b for v in grey.tobytes() for b in (v, v)))
        if mode == "I;16"
        else (grey.convert("RGB").convert(mode))
    )
    kept = io.BytesIO()
    image.save(kept, "PNG")
    found = opened(_shrunk(kept.getvalue()))
    assert (found.mode, found.size) == ("RGB", (LONGEST_SIDE, 320))
    row = [found.convert("L").getpixel((640, y)) for y in (10, 310)]
    assert row[0] < 40  # type: ignore[operator]
    assert row[1] > 215  # type: ignore[operator]


def test_what_is_transparent_becomes_white() -> None:
    kept = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(kept, "PNG")
    assert opened(_shrunk(kept.getvalue())).getpixel((10, 10)) == (255, 255, 255)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(SOUND)),
    cut=st.floats(0, 1),
    place=st.floats(0, 1),
    noise=st.binary(max_size=40),
)
def test_broken_bytes_become_a_plain_picture_or_are_refused(kind: str, cut: float, place: float, noise: bytes) -> None:
    data = SOUND[kind]
    at = int(len(data) * place)
    broken = (data[:at] + noise + data[at + len(noise) :])[: int(len(data) * cut)]
    reason, plain = "", b""
    try:
        plain = _shrunk(broken)
    except DocumentUnreadable as error:
        reason = error.reason
    if not plain:
        assert reason in {"not_a_picture", "bomb", "damaged"}
        return
    found = opened(plain)
    assert found.format == "JPEG"
    assert max(found.size) <= LONGEST_SIDE
    assert not found.getexif()
    assert "comment" not in found.info


@given(st.binary(max_size=40))
def test_only_what_begins_as_a_picture_is_one(head: bytes) -> None:
    assert bool(media_of(head)) == head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or head[8:12] == b"WEBP"
    assert is_meant_as_picture("a.PNG", head)
    assert is_meant_as_picture("a.txt", head) == bool(media_of(head))
