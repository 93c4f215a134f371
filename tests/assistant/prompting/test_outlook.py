"""What it would take to show a lead is what the gate then takes, and no lead is promised anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.prompting.gate import Gate
from assistant.prompting.outlook import Outlook, outlook
from assistant.prompting.result import Change, Evidence

POOLS = {"examples": 24, "race": 40, "gate": 16}


def evidence(gained: int, lost: int, items: int) -> Evidence:
    moved = [1.0] * gained + [-1.0] * lost
    changes = tuple(Change(f"q{number}", ("yes",), "a", "b", moved) for number, moved in enumerate(moved))
    return Evidence(items, gained, lost, (gained - lost) / items, changes=changes)


def test_a_lead_on_too_few_items_needs_so_many_more() -> None:
    assert outlook(evidence(6, 0, 16), POOLS) == Outlook(needed=21, examples=25)
    assert outlook(evidence(6, 0, 16), POOLS | {"gate": 40}) == Outlook(needed=21, examples=0)


def test_of_no_lead_or_a_doubtful_one_nothing_is_said() -> None:
    for seen in (evidence(3, 3, 16), evidence(2, 4, 16), evidence(0, 0, 16), evidence(6, 5, 40), Evidence()):
        assert outlook(seen, POOLS) is None
    assert outlook(evidence(12, 0, 16), POOLS) is None, "it was shown"
    assert outlook(evidence(6, 0, 16), {}) is None, "a report of long ago"


@given(st.integers(1, 12), st.integers(0, 8), st.integers(0, 20), st.integers(0, 50))
def test_what_is_promised_is_what_the_gate_asks_for(gained: int, lost: int, same: int, unseen: int) -> None:
    items = gained + lost + same
    found = outlook(evidence(gained, lost, items), {"gate": unseen, "race": 10})
    if found is None:
        return
    assert items < found.needed <= 4 * items
    assert (found.examples > 0) == (found.needed > unseen)
    # The same rates on a whole number of rounds: that many items decide, and half as many do not.
    times = -(-found.needed // items)
    gate = Gate()
    gate.see(([1.0] * gained + [-1.0] * lost + [0.0] * same) * times)
    assert gate.decision == "better"
