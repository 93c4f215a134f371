"""A better version is promoted, a worse one taken back, an equal one neither; and nobody decides alone."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.learning.evidence import TABLE, said_with
from assistant.learning.online import Arm, Capital, DecayMonitor, Satisfaction, Trial
from assistant.memory.records import SignalKind
from assistant.prompting.pairing import paired


def rate(trial: Trial, rng: np.random.Generator, gain: float, people: list[str], labels: int = 900) -> tuple[str, int]:
    """Each person is asked four times in a row with the same version."""
    for number in range(labels // 4):
        arm: Arm = "canary" if rng.random() < trial.share(rng) else "production"
        person = people[number % len(people)]
        for _ in range(4):
            chance = 0.6 + (gain if arm == "canary" else 0.0)
            decision = trial.see(arm, person, float(rng.random() < chance))
            if decision != "open":
                return decision, number * 4
    return "open", labels


def test_a_much_better_version_is_promoted_and_a_much_worse_one_taken_back() -> None:
    people = ["owner", "ada", "bo", "cy"]
    better = [rate(Trial(), np.random.default_rng(seed), 0.35, people)[0] for seed in range(20)]
    worse = [rate(Trial(), np.random.default_rng(seed), -0.35, people)[0] for seed in range(20)]
    assert better.count("promote") >= 16
    assert worse.count("end") >= 18
    assert "promote" not in worse


def test_an_equal_version_is_hardly_ever_promoted() -> None:
    people = ["owner", "ada", "bo"]
    outcomes = [rate(Trial(), np.random.default_rng(seed), 0.0, people)[0] for seed in range(60)]
    assert outcomes.count("promote") <= 2


def test_an_equal_version_is_taken_back_when_it_is_seen_to_be_no_better() -> None:
    people = ["owner", "ada", "bo"]
    outcomes = [rate(Trial(), np.random.default_rng(seed), 0.0, people, 2400) for seed in range(20)]
    assert [decision for decision, _ in outcomes].count("end") >= 17
    better = [rate(Trial(), np.random.default_rng(seed), 0.25, people, 2400)[0] for seed in range(20)]
    assert better.count("end") <= 1


def test_one_who_praises_it_keeps_nothing_on_trial_that_is_no_better_to_all_others() -> None:
    def after(seed: int, gain: float) -> str:
        rng, trial = np.random.default_rng(seed), Trial()
        for number in range(2400):
            arm: Arm = "canary" if number // 5 % 2 else "production"
            if number % 5 == 0:
                decision = trial.see(arm, "eve", float(arm == "canary"))
            else:
                good = rng.random() < 0.6 + (gain if arm == "canary" else 0.0)
                decision = trial.see(arm, ("owner", "ada", "bo")[number % 3], float(good))
            if decision != "open":
                return decision
        return "open"

    assert [after(seed, 0.0) for seed in range(12)].count("end") >= 9
    assert [after(seed, 0.25) for seed in range(12)].count("end") <= 1


def test_whether_it_is_worse_or_only_no_better_is_told_apart() -> None:
    def after(gain: float) -> Trial:
        trial = Trial()
        rate(trial, np.random.default_rng(3), gain, ["owner", "ada", "bo"], 2400)
        return trial

    assert not after(0.0).is_worse
    assert after(-0.35).is_worse


def test_one_stranger_alone_promotes_nothing_and_takes_nothing_back_however_much_is_said() -> None:
    for liked, disliked in (("canary", "production"), ("production", "canary")):
        trial = Trial()
        for number in range(400):
            arm: Arm = "canary" if number % 2 else "production"
            assert trial.see(arm, "hostile", float(arm == liked)) == "open"
            if number % 20 == 0:
                assert trial.see(arm, "ada", 0.7) == "open"
        assert liked != disliked


@pytest.mark.parametrize("hostile", ["ann", "bob", "cy", "eve"])
@pytest.mark.parametrize("liked", ["canary", "production"])
def test_nor_does_one_of_several_whose_others_see_no_difference(hostile: str, liked: str) -> None:
    trial = Trial()
    others = ["owner", *(one for one in ("ann", "bob", "cy", "eve") if one != hostile)]
    for number in range(300):
        arm: Arm = "canary" if number % 2 else "production"
        assert trial.see(arm, hostile, float(arm == liked)) == "open"
        assert trial.see(arm, others[number // 2 % 4], float(number // 8 % 2)) == "open"


def told(sittings: list[tuple[Arm, list[float]]]) -> Trial:
    trial = Trial()
    for number, (arm, labels) in enumerate(sittings):
        for label in labels:
            trial.see(arm, "owner", label, sitting=f"s{number}")
    return trial


def test_what_is_said_in_one_sitting_is_one_bet_however_much_it_is() -> None:
    """It may all be of one mood."""
    pairs: list[tuple[Arm, list[float]]] = [("canary", [1.0]), ("production", [0.0])]
    once = told([*pairs * 4, ("canary", [1.0])])
    often = told([*((arm, labels * 5) for arm, labels in pairs * 4), ("canary", [1.0])])
    assert once.evidence > 1
    assert often.evidence == pytest.approx(once.evidence)


def test_two_sittings_of_one_version_in_a_row_end_what_was_compared_before() -> None:
    """One pair ends with the version that the next begins with."""
    apart = told([("canary", [1.0]), ("production", [0.0]), ("canary", [1.0]), ("production", [0.0]), ("canary", [1])])
    turned = told([("canary", [1.0]), ("production", [0.0]), ("production", [0.0]), ("canary", [1.0]), ("canary", [1])])
    assert turned.evidence == pytest.approx(apart.evidence)


def test_two_conversations_that_are_used_in_turn_are_one_comparison() -> None:
    """Whoever comes back to one has not begun another, and it is of the mood it was of."""
    one_by_one, in_turn = Trial(), Trial()
    said: list[tuple[Arm, float]] = [("canary", 1.0), ("production", 0.0)]
    for arm, label in said:
        for _ in range(11):
            one_by_one.see(arm, "owner", label, sitting=arm)
    for _ in range(11):
        for arm, label in said:
            assert in_turn.see(arm, "owner", label, sitting=arm) == "open"
    assert in_turn.evidence == one_by_one.evidence == 1.0
    for trial in (one_by_one, in_turn):
        trial.see("canary", "owner", 1.0, sitting="another")
    assert in_turn.evidence == one_by_one.evidence > 1.0


def test_what_is_said_of_a_sitting_after_its_bet_counts_and_is_no_other_bet() -> None:
    pair: list[tuple[Arm, list[float]]] = [("canary", [1.0]), ("production", [0.0]), ("canary", [1.0])]
    trial = told(pair)
    before, labels = trial.evidence, trial.labels
    assert before > 1
    for number in range(9):
        trial.see("canary", "owner", 1.0, sitting="s0")
        trial.see("production", "owner", 0.0, sitting="s1")
        assert trial.evidence == before, "neither ends anything nor is part of what follows"
        assert trial.labels == labels + number + 1
    trial.see("production", "owner", 1.0, sitting="s3")
    trial.see("canary", "owner", 1.0, sitting="s4")
    assert trial.evidence == before, "what the third and the fourth sitting brought is even"


def test_moods_of_conversations_used_in_turn_promote_nothing() -> None:
    """Two are open at a time, each of one mood, which comes of the day and not of the version."""
    promoted = 0
    for seed in range(150):
        rng, trial = np.random.default_rng(seed), Trial()
        for pair in range(12):
            arms: list[Arm] = ["canary", "production"] if rng.random() < 0.5 else ["production", "canary"]
            moods = rng.integers(2, size=2)
            decisions = [
                trial.see(arm, "owner", float(mood), sitting=f"{pair} {arm}")
                for _ in range(12)
                for arm, mood in zip(arms, moods, strict=True)
            ]
            if "promote" in decisions:
                promoted += 1
                break
    assert promoted <= 0.02 * 150 + 3


@pytest.mark.parametrize("people", [["owner"], ["owner", "ada", "bo"]])
def test_sittings_in_pairs_decide_with_fewer_labels_than_a_coin_for_each(people: list[str]) -> None:
    def labels(seed: int, in_pairs: bool) -> int:
        rng, trial = np.random.default_rng(seed), Trial()
        had: dict[str, list[Arm]] = {}
        for number in range(600):
            person = people[number % len(people)]
            before = had.setdefault(person, [])
            coin: Arm = "canary" if rng.random() < 0.5 else "production"
            before.append(paired(f"{seed}", 0.5, person, before) if in_pairs else coin)
            for _ in range(3):
                good = rng.random() < (0.7 if before[-1] == "canary" else 0.35)
                if trial.see(before[-1], person, float(good), sitting=str(number)) == "promote":
                    return number * 3
        return 1800

    coins, pairs = ([labels(seed, in_pairs) for seed in range(12)] for in_pairs in (False, True))
    assert np.median(pairs) < 0.8 * np.median(coins)


def test_the_owner_needs_no_second_opinion() -> None:
    trial = Trial()
    decisions = [trial.see("canary" if n % 2 else "production", "owner", float(n % 2)) for n in range(40)]
    assert decisions[-1] == "promote"


def test_it_says_how_many_labels_are_missing_and_never_pretends() -> None:
    trial = Trial()
    assert trial.labels_missing() is None
    for number in range(8):
        trial.see("canary" if number % 2 else "production", "owner", float(number % 2))
    missing = trial.labels_missing()
    assert missing is not None
    assert missing > 0


def said(trial: Trial, beside: int, number: int) -> str:
    """One answer of the canary is rated, and so many of the other version."""
    for place in range(beside):
        trial.see("production", "owner", float((number + place) % 2))
    return trial.see("canary", "owner", 0.8)


@pytest.mark.parametrize("beside", [1, 4])
def test_the_labels_missing_are_those_of_both_versions_together(beside: int) -> None:
    """With a fifth for the canary about five times as many have to be said as it still needs."""
    trial, needed = Trial(), 0
    for number in range(20):
        said(trial, beside, number)
    told = trial.labels_missing()
    assert told is not None
    while said(trial, beside, needed) == "open":
        needed += 1
    took = needed * (1 + beside)
    assert took <= told <= 1.5 * took


def test_the_better_one_gets_more_conversations_within_limits() -> None:
    rng = np.random.default_rng(0)
    trial = Trial()
    assert trial.share(rng) == 0.2
    for number in range(12):
        trial.see("canary", "owner" if number % 2 else "ada", 1.0)
        trial.see("production", "owner" if number % 2 else "ada", 0.0)
    assert trial.share(rng) == 0.5


def test_what_was_known_before_counts_for_twenty_labels_at_most() -> None:
    rng = np.random.default_rng(0)
    sure = Trial(prior={"canary": (900.0, 100.0), "production": (500.0, 500.0)})
    assert float(sure.draws("canary", rng).std()) > 0.04
    assert float(sure.draws("canary", rng).mean()) == pytest.approx(0.9, abs=0.03)


def test_how_pleased_people_are_is_told_with_what_is_not_known_of_it() -> None:
    rng = np.random.default_rng(0)
    nothing = Satisfaction.of(Trial().draws("canary", rng))
    assert (nothing.mean, nothing.low, nothing.high) == pytest.approx((0.5, 0.05, 0.95), abs=0.03)
    few, many = Trial(), Trial()
    for trial, labels in ((few, 10), (many, 100)):
        for number in range(labels):
            trial.see("canary", "owner", float(number % 5 != 0))
    told = [Satisfaction.of(trial.draws("canary", rng)) for trial in (few, many)]
    assert told[1].mean == pytest.approx(0.8, abs=0.03)
    assert all(one.low < one.mean < one.high for one in told)
    assert told[1].high - told[1].low < 0.5 * (told[0].high - told[0].low)
    holds = float(np.mean([told[0].low <= draw <= told[0].high for draw in few.draws("canary", rng)]))
    assert holds == pytest.approx(0.9, abs=0.03)


def watch(monitor: DecayMonitor, rng: np.random.Generator, before: float, after: float) -> int | None:
    """How many labels after the change the alarm goes off; None when it does not within 600."""
    for number in range(1000):
        chance = before if number < 400 else after
        if monitor.see("owner" if number % 3 else "ada", float(rng.random() < chance)):
            return number - 400
    return None


def test_decay_is_noticed_and_staying_as_good_is_not_decay() -> None:
    dropped = [watch(DecayMonitor(), np.random.default_rng(seed), 0.8, 0.55) for seed in range(20)]
    noticed = [labels for labels in dropped if labels is not None and labels >= 0]
    assert len(noticed) >= 19
    assert np.median(noticed) < 200
    same = [watch(DecayMonitor(), np.random.default_rng(seed), 0.8, 0.8) for seed in range(20)]
    assert sum(labels is not None for labels in same) <= 2


def test_one_stranger_does_not_set_off_the_alarm() -> None:
    monitor = DecayMonitor(before=[("owner", float(n % 5 > 0), 1.0) for n in range(200)])
    assert not any(monitor.see("hostile", 0.0) for _ in range(300))
    assert not any(monitor.see(("owner", "hostile")[n % 2], (0.8, 0.0)[n % 2]) for n in range(200))


STRANGERS = ["ann", "bob", "cy", "eve"]


def votes(rng: np.random.Generator, people: list[str], chance: float, count: int) -> list[tuple[str, float]]:
    return [(people[n % len(people)], float(rng.random() < chance)) for n in range(count)]


def thumbs(said: list[tuple[str, float]]) -> list[tuple[str, float, float]]:
    return [(person, label, 1.0) for person, label in said]


def lasts(monitor: DecayMonitor, said: list[tuple[str, float]]) -> int | None:
    """After how many labels the alarm goes off, None if it does not."""
    return next((number for number, (person, label) in enumerate(said) if monitor.see(person, label)), None)


@pytest.mark.parametrize("hostile", STRANGERS)
@pytest.mark.parametrize("loud", [20, 1000])
def test_no_one_of_several_strangers_has_a_version_taken_back_by_praising_it_first(hostile: str, loud: int) -> None:
    """And by finding fault with it afterwards, as loudly."""
    alarms = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        honest = ["owner", *(one for one in STRANGERS if one != hostile)]
        before = votes(rng, honest, 0.75, 200) + [(hostile, 1.0)] * loud
        after = votes(rng, honest, 0.75, 200)
        mixed = [one for each in after for one in (each, *[(hostile, 0.0)] * (loud // 200))]
        alarms += lasts(DecayMonitor(before=thumbs(before)), mixed) is not None
    assert alarms <= 1


@pytest.mark.parametrize("hostile", STRANGERS)
@pytest.mark.parametrize("loud", [20, 1000])
def test_no_one_of_several_strangers_hides_decay_by_finding_fault_first(hostile: str, loud: int) -> None:
    """And by praising it afterwards, as loudly."""
    noticed = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        honest = ["owner", *(one for one in STRANGERS if one != hostile)]
        before = votes(rng, honest, 0.75, 200) + [(hostile, 0.0)] * loud
        mixed = [one for each in votes(rng, honest, 0.4, 320) for one in (each, *[(hostile, 1.0)] * (loud // 200))]
        noticed += lasts(DecayMonitor(before=thumbs(before)), mixed) is not None
    assert noticed >= 9


def test_whoever_is_left_out_hears_what_they_would_have_heard_without_them() -> None:
    rng = np.random.default_rng(3)
    said = votes(rng, ["owner", *STRANGERS], 0.7, 400)
    for missing in STRANGERS:
        whole = DecayMonitor(before=thumbs(said[:90]))
        without = DecayMonitor(before=thumbs([one for one in said[:90] if one[0] != missing]))
        for person, label in said[90:]:
            whole.see(person, label)
            if person != missing:
                without.see(person, label)
        assert whole._dropped[whole._place[missing], 0] == pytest.approx(without._dropped[0, 0])


def test_what_is_no_label_is_refused() -> None:
    for see in (lambda: Trial().see("canary", "a", 2.0), lambda: DecayMonitor().see("a", -1.0)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            see()
    with pytest.raises(ValueError, match="between -1 and 1"):
        Capital().see("a", 3.0)


def test_people_who_like_whatever_comes_first_promote_nothing_as_long_as_a_coin_says_what_does() -> None:
    rng = np.random.default_rng(11)
    promoted = 0
    for _ in range(150):
        trial = Trial()
        for _ in range(60):
            canary_first, takes_first = rng.random(2) < (0.5, 0.8)
            canary = bool(canary_first == takes_first)
            if trial.compare("owner", canary=canary, production=not canary) == "promote":
                promoted += 1
                break
    assert promoted <= 0.02 * 150 + 3


def test_one_strangers_duels_are_no_evidence() -> None:
    trial = Trial()
    for _ in range(200):
        assert trial.compare("eve", canary=True, production=False) == "open"
    assert trial.evidence == 1.0


def fell(rng: np.random.Generator, before: int, good: int, after: float, labels: int = 900) -> int | None:
    """With so many labels of its trial and so many good ones since, how many labels after it fell a version that two
    thirds of all answers pleased is taken back; None if it is not."""
    people = ["owner", *STRANGERS]
    monitor = DecayMonitor(before=thumbs(votes(rng, people, 0.66, before)))
    said = votes(rng, people, 0.66, good) + votes(rng, people, after, labels)
    number = lasts(monitor, said)
    return None if number is None else number - good


@pytest.mark.parametrize("before", [0, 20, 80])
def test_what_won_its_trial_by_few_labels_is_taken_back_when_it_falls_later(before: int) -> None:
    """As surely as what never was on trial: what people are used to is learned from all they say."""
    found = [fell(np.random.default_rng(seed), before, 300, 0.48) for seed in range(8)]
    noticed = [labels for labels in found if labels is not None]
    assert len(noticed) >= 7
    assert min(noticed) >= 0
    assert np.median(noticed) < 300


@pytest.mark.parametrize("before", [0, 20, 80])
def test_and_hardly_ever_while_it_is_as_good(before: int) -> None:
    found = [fell(np.random.default_rng(seed), before, 300, 0.66, 600) for seed in range(8)]
    assert found.count(None) >= 7


def test_a_lucky_trial_is_no_decay_of_what_follows() -> None:
    lucky = [("owner", float(n > 1), 1.0) for n in range(14)]
    alarms = [
        lasts(DecayMonitor(before=lucky), votes(np.random.default_rng(seed), ["owner"], 0.7, 300)) for seed in range(12)
    ]
    assert alarms.count(None) >= 11


def needed(weight: float) -> int:
    """Labels until a canary that is always right beside a version that never is gets promoted."""
    trial = Trial()
    for number in range(400):
        arm: Arm = "canary" if number % 2 else "production"
        if trial.see(arm, "owner", float(number % 2), weight) == "promote":
            return number
    return 400


def test_weak_labels_promote_as_well_and_need_to_be_more() -> None:
    edits, thumbs_, copies, looks = (needed(weight) for weight in (1.25, 1.0, 0.4375, 0.125))
    assert edits <= thumbs_ < copies < looks < 400
    assert copies >= 1.8 * thumbs_
    assert looks >= 6 * thumbs_


def test_how_loudly_good_and_bad_are_said_makes_no_equal_version_the_better_one() -> None:
    """Whoever is cross says so with a thumb, whoever is pleased copies, with either version."""
    promoted = 0
    for seed in range(60):
        rng, trial = np.random.default_rng(seed), Trial()
        for number in range(400):
            arm: Arm = "canary" if rng.random() < 0.4 else "production"
            good = rng.random() < 0.6
            person = ("owner", "ada", "bo")[number % 3]
            if trial.see(arm, person, 0.8 if good else 0.0, 0.4375 if good else 1.0) == "promote":
                promoted += 1
                break
    assert promoted <= 2


def test_good_news_in_few_words_are_no_decay_however_good_they_used_to_be() -> None:
    monitor = DecayMonitor(before=[("owner", 1.0, 1.0)] * 60)
    assert not any(monitor.see("owner", 0.8, 0.4375, best=0.8) for _ in range(1000))


@pytest.mark.parametrize("kind", [kind for kind, said in TABLE.items() if said.label is not None and said.label > 0.5])
def test_no_good_word_takes_a_version_back_that_everybody_loved(kind: SignalKind) -> None:
    monitor, said = DecayMonitor(before=[("owner", 1.0, 1.0)] * 60), said_with([kind])
    assert said is not None
    assert not any(monitor.see("owner", said.label, said.weight, said.best) for _ in range(1000))


def test_bad_news_in_few_words_are_and_need_to_be_more() -> None:
    def alarm(label: float, weight: float) -> int | None:
        monitor = DecayMonitor(before=[("owner", float(n % 10 > 0), 1.0) for n in range(100)])
        return next((n for n in range(400) if monitor.see("owner", label, weight, best=0.8)), None)

    thumbs_down, corrected, stopped = alarm(0.2, 1.0), alarm(0.2, 0.5), alarm(0.2, 0.1875)
    assert thumbs_down is not None
    assert corrected is not None
    assert stopped is not None
    assert thumbs_down * 1.7 < corrected < stopped / 2


@pytest.mark.parametrize("weight", [0.0, -1.0, 2.0])
def test_a_weight_that_would_stake_more_than_there_is_is_refused(weight: float) -> None:
    for see in (
        lambda: Trial().see("canary", "a", 1.0, weight),
        lambda: DecayMonitor().see("a", 1.0, weight),
        lambda: Capital().see("a", 1.0, weight),
    ):
        with pytest.raises(ValueError, match="thumbs"):
            see()


def test_of_a_crowd_some_are_left_out_together_and_a_fall_is_seen_all_the_same() -> None:
    crowd = [f"member {number}" for number in range(60)]
    monitor = DecayMonitor(before=thumbs(votes(np.random.default_rng(1), crowd, 0.7, 300)))
    assert monitor._risen.shape[0] == 25
    assert lasts(monitor, votes(np.random.default_rng(2), crowd, 0.7, 300)) is None
    assert lasts(monitor, votes(np.random.default_rng(3), crowd, 0.4, 300)) is not None
