"""The race as it is drawn: every line inside the picture, fallen candidates where they fell."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.learning.run_order import Step
from assistant.prompting import optimiser, race
from assistant.prompting.progress import RunProgress, Standing
from ui.race_plot import FALLEN, HEIGHT, MOST_TOLD, WIDTH, Line, race_plot

STANDINGS = st.lists(
    st.builds(
        Standing,
        st.sampled_from("abcdef"),
        st.integers(1, 50),
        st.floats(-0.2, 1.2),
        st.floats(0, 0.5),
        st.floats(0, 1),
    ),
    max_size=6,
    unique_by=lambda one: one.candidate,
)


def steps_of(standings: list[list[Standing]], budget: int = 100) -> list[Step]:
    return [
        Step(RunProgress("race", 10 * number, budget, float(number), tuple(each)), float(number))
        for number, each in enumerate(standings, 1)
    ]


@settings(deadline=None)
@given(st.lists(STANDINGS, max_size=8))
def test_every_point_lies_in_the_picture(standings: list[list[Standing]]) -> None:
    plot = race_plot(steps_of(standings), "a")
    if plot is None:
        assert not any(standings)
        return
    for line in plot.lines:
        for pair in (line.points + " " + line.band).split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
    assert sum(line.leads for line in plot.lines) == 1
    assert plot.lines[-1].leads or plot.lines[-1].is_seed
    assert plot.ticks_up


def test_a_candidate_that_fell_out_ends_where_it_fell() -> None:
    def at(name: str, mean: float) -> Standing:
        return Standing(name, 4, mean, 0.1, 0.5)

    plot = race_plot(steps_of([[at("x", 0.6), at("seed", 0.5)], [at("y", 0.8), at("seed", 0.5)]]), "seed")
    assert plot is not None
    lines = {line.candidate: line for line in plot.lines}
    assert [line.candidate for line in plot.lines] == ["x", "y", "seed"]
    assert lines["x"].out
    assert lines["x"].end[0] < lines["y"].end[0]
    assert lines["y"].leads
    assert lines["y"].end[1] < lines["seed"].end[1], "better stands higher"
    assert plot.now == lines["seed"].end[0]


def test_the_beginning_stays_in_sight_when_many_are_better() -> None:
    first, later = Standing("seed", 4, 0.2, 0.1, 0), Standing("x", 4, 0.8, 0.1, 1)
    plot = race_plot(steps_of([[later, first], [later]]), "seed")
    assert plot is not None
    seed = next(line for line in plot.lines if line.is_seed)
    assert not seed.out
    assert seed.end[0] == plot.now


def all_told(*but: str, best: float = 0.5) -> list[Standing]:
    """As many as are told at most, with these first."""
    names = [*but, *(f"other {number}" for number in range(MOST_TOLD - len(but)))]
    return [Standing(name, 4, 0.9 - 0.01 * place, 0.1, best) for place, name in enumerate(names)]


def drawn(*standings: list[Standing]) -> dict[str, Line]:
    plot = race_plot(steps_of(list(standings)), "seed")
    assert plot is not None
    return {line.candidate: line for line in plot.lines}


def test_a_candidate_that_is_not_among_those_told_has_not_fallen_out_for_that() -> None:
    """Of those behind the last that is told nobody knows from here whether they are still in the running."""
    gone, stays = (drawn(all_told("x"), all_told())[name] for name in ("x", "other 3"))
    assert (gone.out, gone.unseen) == (False, True)
    assert (stays.out, stays.unseen) == (False, False)
    assert gone.end[0] < stays.end[0], "it ends where it was told last"
    back = drawn(all_told("x"), all_told(), all_told("x"))["x"]
    assert (back.out, back.unseen) == (False, False)


def test_where_fewer_are_told_than_could_be_the_others_have_fallen_out() -> None:
    fell = drawn(all_told("x"), all_told()[:-1])["x"]
    assert (fell.out, fell.unseen) == (True, False)
    fell = drawn(all_told("x"), all_told()[:-1], all_told())["x"]
    assert (fell.out, fell.unseen) == (True, False), "what was known stays so until it is told again"
    fell = drawn(all_told("x", best=FALLEN / 2), all_told())["x"]
    assert (fell.out, fell.unseen) == (True, False), "it was no more in the running when it was told last"


def test_the_beginning_and_the_leader_are_always_in_sight() -> None:
    plot = race_plot(steps_of([all_told("seed"), all_told()]), "seed")
    assert plot is not None
    assert [(one.candidate, one.unseen) for one in plot.lines if one.is_seed or one.leads] == [
        ("other 0", False),
        ("seed", False),
    ]


def test_what_is_taken_for_fallen_out_is_what_the_race_takes_for_it() -> None:
    assert (MOST_TOLD, FALLEN) == (optimiser._SHOWN, race._OUT)


def test_nothing_is_drawn_before_anything_races() -> None:
    assert race_plot([], "a") is None
    assert race_plot([Step(RunProgress("instructions", 2, 40, 0.1), 0.1)], "a") is None
