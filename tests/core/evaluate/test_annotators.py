"""Labels of several annotators as series of states: who is compared with whom, over which frames."""

from __future__ import annotations

import pytest

from nsp_core.errors import LabelError
from nsp_core.evaluate.annotators import annotated_behavior, behaviors_in_common
from nsp_core.labels import Bout, PointEvent, RecordingLabels

WHOLE = {"attack": ((0, 6),)}


def labels(annotator: str, *bouts: tuple, recording: str = "1", observed: dict | None = None) -> RecordingLabels:
    """Return labels of attacks, each ``start, stop`` and, if need be, who and whom."""
    made = tuple(Bout("attack", *bout) for bout in bouts)
    return RecordingLabels(recording, annotator, made, WHOLE if observed is None else observed)


def rows(annotated, place: int = 0) -> dict[str, list[int]]:
    return {who: states.tolist() for who, states in annotated.series[place].states.items()}


def test_each_annotator_has_states_of_the_frames_they_looked_at():
    late = {"attack": ((2, 4), (5, 8))}
    found = annotated_behavior([labels("anna", (1, 3)), labels("ben", (2, 3), observed=late)], "attack")
    assert found.annotators == ("anna", "ben")
    assert found.notes == ()
    assert rows(found) == {"anna": [0, 1, 1, 0, 0, 0, -1, -1], "ben": [-1, -1, 1, 0, -1, 0, 0, 0]}


def test_recordings_have_series_of_their_own_and_may_lack_annotators():
    found = annotated_behavior(
        [labels("anna"), labels("ben"), labels("ben", recording="2"), labels("cleo", recording="2")], "attack"
    )
    assert [(one.recording, list(one.states)) for one in found.series] == [
        ("1", ["anna", "ben"]),
        ("2", ["ben", "cleo"]),
    ]
    assert found.annotators == ("anna", "ben", "cleo")


def test_every_animal_that_all_name_is_compared_apart():
    resident, intruder = ("resident", "intruder"), ("intruder", "resident")
    found = annotated_behavior(
        [labels("anna", (0, 2, *resident), (4, 5, *intruder)), labels("ben", (0, 3, *resident))], "attack"
    )
    assert [(one.individual, one.target) for one in found.series] == [resident, intruder]
    assert rows(found) == {"anna": [1, 1, 0, 0, 0, 0], "ben": [1, 1, 1, 0, 0, 0]}
    assert rows(found, 1) == {"anna": [0, 0, 0, 0, 1, 0], "ben": [0, 0, 0, 0, 0, 0]}
    assert found.notes == ()


def test_bouts_of_nobody_in_particular_are_compared_whoever_it_was():
    found = annotated_behavior([labels("anna", (0, 2, "resident", "intruder")), labels("ben", (0, 3))], "attack")
    assert [(one.individual, one.target) for one in found.series] == [(None, None)]
    assert rows(found) == {"anna": [1, 1, 0, 0, 0, 0], "ben": [1, 1, 1, 0, 0, 0]}
    assert found.notes == ("attack: not all bouts say as much about whose they are: compared whoever it was",)


def test_animals_that_two_annotators_call_differently_are_compared_whoever_it_was():
    found = annotated_behavior([labels("anna", (0, 2, "adult")), labels("ben", (0, 3, "Adult"))], "attack")
    assert rows(found) == {"anna": [1, 1, 0, 0, 0, 0], "ben": [1, 1, 1, 0, 0, 0]}
    assert found.notes == ("attack: anna has bouts of adult, ben of Adult: compared whoever it was",)


def test_an_animal_that_only_one_sees_is_no_other_name_for_one():
    found = annotated_behavior([labels("anna", (0, 2, "adult")), labels("ben")], "attack")
    assert [one.individual for one in found.series] == ["adult"]
    assert found.notes == ()


def test_bouts_outside_the_frames_looked_at_do_not_count_and_are_told_of():
    early = {"attack": ((0, 3),)}
    found = annotated_behavior([labels("anna", (1, 5), (5, 6), observed=early), labels("ben")], "attack")
    assert rows(found)["anna"] == [0, 1, 1, -1, -1, -1]
    (note,) = found.notes
    assert note == "attack: bouts reach beyond the frames looked at, and do not count there: 2 of anna in 1"


def test_point_events_have_no_frames():
    anna = RecordingLabels("1", "anna", (), WHOLE, (PointEvent("attack", 3),))
    assert rows(annotated_behavior([anna, labels("ben")], "attack"))["anna"] == [0] * 6


def test_behaviors_that_two_looked_for_in_one_recording_can_be_compared():
    anna = labels("anna", observed={"attack": ((0, 9),), "chase": ((0, 9),), "rearing": ()})
    ben = labels("ben", observed={"attack": ((0, 9),)})
    elsewhere = labels("ben", recording="2", observed={"chase": ((0, 9),)})
    assert behaviors_in_common([anna, ben, elsewhere]) == {"attack": True, "chase": False}


@pytest.mark.parametrize(
    ("given", "behavior", "message"),
    [
        ([labels("anna"), labels("ben")], "atack", "nobody who looked for 'atack', expected one of attack.*'attack'?"),
        ([labels("anna"), labels("ben")], "zzz", "expected one of attack; name a behavior as the labels call it"),
        ([], "attack", "expected labels of a behavior"),
        ([labels("anna"), labels("ben", observed={"attack": ()})], "attack", "one annotator who .* attack, anna"),
        ([labels("anna"), labels("anna")], "attack", "1: found labels by anna twice.*name the annotators apart"),
    ],
)
def test_what_cannot_be_compared_is_refused(given, behavior, message):
    with pytest.raises(LabelError, match=message):
        annotated_behavior(given, behavior)
