"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from fastapi import Query

_LARGEST: Final = 2**31 - 1
Count: TypeAlias = Annotated[int, Query(le=_LARGEST)]
"""How many rows are wanted at most; the database knows no larger number."""
