"""All candidates of a run: every instruction with every set of examples, in each layout and form."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.prompting.candidate import Candidate, Form, Layout
from assistant.prompting.examples import ExampleSet

_LAYOUTS: tuple[Layout, ...] = ("turns", "text")


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """`levels` name the parts of each candidate, `expected` is what they are thought to add before anything was seen,
    from published comparisons and our own: examples help small models more than words, those like the question most,
    and an answer that is held to its form cannot fail by it. The seed is number 0."""

    candidates: tuple[Candidate, ...]
    levels: tuple[tuple[str, ...], ...]
    expected: tuple[float, ...]

    def with_settings(self, leader: int, settings: Sequence[Mapping[str, float]]) -> SearchSpace:
        """Also the leader with each of these ways of drawing an answer: after all else, for they matter least."""
        base = self.candidates[leader]
        named = [", ".join(f"{key} {value:g}" for key, value in one.items()) for one in settings]
        return SearchSpace(
            (*self.candidates, *(replace(base, parameters={**base.parameters, **one}) for one in settings)),
            (*self.levels, *((*self.levels[leader], name) for name in named)),
            (*self.expected, *(self.expected[leader] for _ in settings)),
        )

    def first(self, count: int, rng: np.random.Generator) -> list[int]:
        """The seed, and candidates in which every part occurs about equally often (a Latin square, filled greedily)."""
        chosen = [0]
        used: dict[str, int] = dict.fromkeys((name for each in self.levels for name in each), 0)
        for _ in range(min(count, len(self.candidates)) - 1):
            order = rng.permutation(len(self.candidates))
            free = [int(index) for index in order if index not in chosen]
            best = min(free, key=lambda index: sum(used[name] for name in self.levels[index]))
            chosen.append(best)
            for name in self.levels[best]:
                used[name] += 1
        return chosen


def search_space(
    instructions: Sequence[str], sets: Sequence[ExampleSet], forms: Sequence[Form], *, seed_form: Form
) -> SearchSpace:
    """The first instruction without examples is the seed, with the form it has had so far."""
    seed = Candidate(instructions[0], form=seed_form)
    candidates = [seed]
    levels: list[tuple[str, ...]] = [
        ("instruction 0", "none", "set 0", "size 0", "turns", "the same for all", f"form {seed_form}")
    ]
    expected = [_form_gain(seed_form)]
    for (number, words), (index, examples), layout, form in itertools.product(
        enumerate(instructions), enumerate(sets), _LAYOUTS, forms
    ):
        candidate = Candidate(words, examples.demos, examples.nearest, layout, form)
        if candidate.id == seed.id:
            continue
        candidates.append(candidate)
        source = "found for each" if examples.nearest else "the same for all"
        names = [f"instruction {number}", examples.kind, f"set {index}", f"size {examples.size}", layout, source]
        levels.append((*names, f"form {form}"))
        expected.append(_examples_gain(examples) + _form_gain(form))
    return SearchSpace(tuple(candidates), tuple(levels), tuple(expected))


def _examples_gain(examples: ExampleSet) -> float:
    if not examples.size:
        return -0.1
    return 0.08 if examples.nearest else 0.0


def _form_gain(form: Form) -> float:
    return {"free": -0.25, "line": 0.0, "held": 0.1}[form]
