"""Parameters that several routes take, no larger and no smaller than the database knows numbers."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from fastapi import Query
from pydantic import Field

_LARGEST: Final = 2**31 - 1
_LARGEST_ID: Final = 2**63 - 1
Count: TypeAlias = Annotated[int, Query(ge=-1, le=_LARGEST)]
"""How many rows are wanted at most; -1 for all."""
RowId: TypeAlias = Annotated[int, Field(ge=0, le=_LARGEST_ID)]
"""By which a row is known, in a path or a body."""
