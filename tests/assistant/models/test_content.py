"""Two files of one name and one size are told apart by what is in them."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.content import content_digest


@given(st.binary(max_size=40_000), st.data())
def test_a_small_file_is_read_whole(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("models")
    one, other, same = folder / "one.gguf", folder / "other.gguf", folder / "same.gguf"
    one.write_bytes(content)
    same.write_bytes(content)
    place = data.draw(st.integers(0, len(content)))
    changed = content[:place] + b"\x00" + content[place + 1 :]
    other.write_bytes(changed)
    assert content_digest(one) == content_digest(same), "where it lies and what it is called does not matter"
    assert (content_digest(one) == content_digest(other)) == (changed == content)


def test_of_a_large_file_every_piece_of_a_255th_is_looked_at(tmp_path: Path) -> None:
    drawn, file = random.Random(1), tmp_path / "model.gguf"  # noqa: S311
    size = 6_000_000
    content = drawn.randbytes(size)
    seen = []
    for start in (0, *(drawn.randrange(size - size // 255) for _ in range(10)), size - 1):
        piece = bytes(255 - byte for byte in content[start : start + size // 255 + 1])
        file.write_bytes(content[:start] + piece + content[start + len(piece) :])
        seen.append(content_digest(file))
    file.write_bytes(content)
    assert content_digest(file) not in seen
    assert len(set(seen)) == len(seen)


def test_a_file_that_was_put_in_the_place_of_another_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"one")
    before = content_digest(file)
    new = tmp_path / "new.gguf"
    new.write_bytes(b"two")
    stamp = file.stat()
    os.utime(new, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    new.replace(file)
    assert content_digest(file) != before


def test_all_parts_of_a_split_model_count(tmp_path: Path) -> None:
    first, second = (tmp_path / f"big [q4]-0000{part}-of-00002.gguf" for part in (1, 2))
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    before = content_digest(first)
    second.write_bytes(b"owt")
    os.utime(second, ns=(1, 1))
    assert content_digest(first) != before
    with pytest.raises(OSError, match="gone"):
        content_digest(tmp_path / "gone.gguf")
