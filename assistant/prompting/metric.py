"""How right an answer is, from 0 to 1, without a judge but for the one metric that is named so. `METRICS` names them; a
person's own are added to the mapping.

Exact match reads the first line, or all of them where several are accepted, and forgives case, quotes, brackets and a
final stop. A number is the last one of an answer, however it is written. F1 is the overlap of words of
SQuAD (Rajpurkar et al. 2016), chrF the mean over 1- to 6-grams of characters with beta 2 (Popović 2015); Chinese, which
writes no spaces, is counted by characters in both.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from assistant.i18n import language_of_text

_EDGES: Final = re.compile(r"^[\s\"'`*(\[{“‘（【《]+|[\s\"'`*.)\]}。！!”’）】》]+$")
_NUMBER: Final = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[+-]?\d+)?|-?\.\d+(?:e[+-]?\d+)?", re.I)
_MINUS: Final = "\u2212"
"""The sign that stands for one in print, which is no hyphen to Unicode either."""
_NEAR: Final = 1e-6
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
_CITED: Final = re.compile(r"\[(\d+)\]")
_CHRF_ORDER: Final = 6
_CHRF_BETA: Final = 2.0
_BROKEN: Final = object()


def _is_said(answer: str, accepted: Sequence[str]) -> bool:
    return bool(answer)


@dataclass(frozen=True, slots=True)
class Metric:
    """`score` takes the answer and those accepted; `valid` says whether the answer has the form that can be right."""

    name: str
    score: Callable[[str, Sequence[str]], float]
    valid: Callable[[str, Sequence[str]], bool] = _is_said
    one_line: bool = False
    """Whether only the first line counts, so that the model may stop there."""
    judged: bool = False
    """Whether a model says it, which has to be asked: `score` then tells only an answer from none."""
    trouble: str = ""
    """Why it cannot be used, where somebody's own cannot be loaded."""

    def for_answers(self, accepted: Iterable[str]) -> Metric:
        """As it is where these are right: the model may not stop at the end of a line where they have several."""
        return replace(self, one_line=False) if self.one_line and any(map(_has_lines, accepted)) else self


def normal(text: str) -> str:
    """The first line, without what surrounds an answer and without case; where it is nothing else, as it is."""
    lines = unicodedata.normalize("NFKC", text).strip().splitlines()
    return _bare(lines[0]) if lines else ""


def _bare(text: str) -> str:
    return re.sub(r"\s+", " ", _EDGES.sub("", text) or text.strip()).casefold()


def _has_lines(text: str) -> bool:
    return len(text.strip().splitlines()) > 1


def exact(answer: str, accepted: Sequence[str]) -> float:
    """What has several lines is right only as a whole."""
    whole = {_bare(unicodedata.normalize("NFKC", one)) for one in accepted if _has_lines(one)}
    if _bare(unicodedata.normalize("NFKC", answer)) in whole:
        return 1.0
    return float(normal(answer) in {normal(one) for one in accepted if not _has_lines(one)})


def numeric(answer: str, accepted: Sequence[str]) -> float:
    """The last number of the answer, for that is where a solution ends."""
    said = last_number(answer)
    if said is None:
        return 0.0
    wanted = [number for number in map(last_number, accepted) if number is not None]
    return float(any(said == one or abs(said - one) < _NEAR * min(1.0, abs(one)) for one in wanted))


def has_number(answer: str, accepted: Sequence[str]) -> bool:
    return last_number(answer) is not None


def last_number(text: str) -> float | None:
    found = _NUMBER.findall(unicodedata.normalize("NFKC", text).replace(_MINUS, "-"))
    return float(found[-1].replace(",", "")) if found else None


def f1(answer: str, accepted: Sequence[str]) -> float:
    said = _counted(answer)
    return max((_f1(said, _counted(one)) for one in accepted), default=0.0)


def _counted(text: str) -> Counter[str]:
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _f1(said: Counter[str], wanted: Counter[str]) -> float:
    common = sum((said & wanted).values())
    if not said or not wanted:
        return float(said == wanted)
    return 2 * common / (said.total() + wanted.total())


def chrf(answer: str, accepted: Sequence[str]) -> float:
    return max((_chrf(answer, one) for one in accepted), default=0.0)


def _chrf(answer: str, wanted: str) -> float:
    said, gold = "".join(answer.split()), "".join(wanted.split())
    precisions: list[float] = []
    recalls: list[float] = []
    for order in range(1, min(_CHRF_ORDER, len(gold)) + 1):
        ours = Counter(said[start : start + order] for start in range(len(said) - order + 1))
        theirs = Counter(gold[start : start + order] for start in range(len(gold) - order + 1))
        common = (ours & theirs).total()
        precisions.append(common / ours.total() if ours else 0.0)
        recalls.append(common / theirs.total())
    if not recalls:
        return float(not said)
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    if not precision + recall:
        return 0.0
    return (1 + _CHRF_BETA**2) * precision * recall / (_CHRF_BETA**2 * precision + recall)


def json_valid(answer: str, accepted: Sequence[str]) -> float:
    """Whether it is JSON; where an object is given as accepted, with the keys of one of them."""
    found = _parsed(answer)
    if found is _BROKEN:
        return 0.0
    keys = [set(one) for one in map(_parsed, accepted) if isinstance(one, dict)]
    return float(not keys or (isinstance(found, dict) and any(wanted <= set(found) for wanted in keys)))


def is_json(answer: str, accepted: Sequence[str]) -> bool:
    return _parsed(answer) is not _BROKEN


def _parsed(text: str) -> object:
    """NaN and Infinity, which Python reads, are no JSON."""
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return _BROKEN


def _refused(name: str) -> object:
    raise ValueError(name)


def length(answer: str, accepted: Sequence[str]) -> float:
    """1 up to the longest accepted answer's characters, then falling to 0 at twice as many."""
    longest = max(map(len, accepted), default=0)
    if not answer.strip():
        return 0.0
    return max(0.0, min(1.0, 2 - len(answer.strip()) / longest)) if longest else 1.0


def language_match(answer: str, accepted: Sequence[str]) -> float:
    """Whether it is written in the language of the first accepted answer."""
    return float(bool(answer.strip()) and language_of_text(answer) == language_of_text(" ".join(accepted[:1])))


def citations(answer: str, accepted: Sequence[str]) -> float:
    """F1 of the passages that are cited as [1], [2] … against those an accepted answer cites."""
    said = Counter(set(_CITED.findall(answer)))
    return max((_f1(said, Counter(set(_CITED.findall(one)))) for one in accepted), default=0.0)


def cites(answer: str, accepted: Sequence[str]) -> bool:
    """Whether it names a passage, where every accepted answer does."""
    return bool(answer) and (bool(_CITED.search(answer)) or not all(map(_CITED.search, accepted)))


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("exact", exact, one_line=True),
            Metric("label", exact, one_line=True),
            Metric("numeric", numeric, has_number),
            Metric("f1", f1),
            Metric("chrf", chrf),
            Metric("json", json_valid, is_json),
            Metric("length", length),
            Metric("language", language_match),
            Metric("citations", citations, cites),
            Metric("judge", lambda answer, _: float(bool(answer.strip())), judged=True),
        )
    }
)
RIGHT_OR_WRONG: Final = frozenset({"exact", "label", "numeric", "json", "language"})
"""Those by which an answer is one of the two; by others, a person's own among them, it scores points in between."""
JUDGED_CALLS: Final = 3
"""Of an answer that a model judges: itself, and the judge in both orders."""
