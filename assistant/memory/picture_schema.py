"""Which attachments are pictures."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_PICTURES: Final = """
ALTER TABLE attachments ADD COLUMN media TEXT NOT NULL DEFAULT '' CHECK (media IN ('', 'image/jpeg'));
"""


def pictures(tables: sqlite_utils.Database) -> None:
    """What there was before is text."""
    run_script(tables, _PICTURES)
