"""What people are called where several are spoken of: of two with one name, the one who came later is "Ann (2)"."""

from __future__ import annotations

from typing import Final

CALLED: Final = """
(SELECT one.name || CASE WHEN namesakes.n > 1 THEN ' (' || namesakes.n || ')' ELSE '' END FROM people AS one,
    (SELECT count(*) AS n FROM people AS other JOIN people AS this ON other.name = this.name AND other.id <= this.id
        WHERE this.id = {person}) AS namesakes
    WHERE one.id = {person})
"""
"""An expression of SQL for the name of the person whose id is `{person}`; NULL for nobody."""
