"""The consensus of annotators, frame by frame against counting by hand, and back from bouts and spans."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError
from nsp_core.evaluate.annotators_consensus import CONSENSUS, consensus_labels, consensus_states
from nsp_core.labels import Behavior, Bout, RecordingLabels, frame_states

UNTIMED = settings(deadline=None)  # a busy machine is no failure
SOLITARY = Behavior("grooming", "solitary")


def several() -> st.SearchStrategy[list[np.ndarray]]:
    sizes = st.tuples(st.integers(1, 5), st.integers(1, 25))
    return sizes.flatmap(lambda size: npst.arrays(np.int8, size, elements=st.integers(-1, 1)).map(list))


def by_hand(series: list[np.ndarray], unanimous: bool) -> list[int]:
    states = []
    for frame in zip(*series, strict=True):
        said = [int(state) for state in frame if state >= 0]
        undecided = len(said) < 2 or 2 * sum(said) == len(said) or (unanimous and len(set(said)) > 1)
        states.append(-1 if undecided else int(2 * sum(said) > len(said)))
    return states


def labels_of(states: np.ndarray, annotator: str, individual: str | None = None) -> RecordingLabels:
    bouts = tuple(Bout("grooming", *map(int, bout), individual) for bout in bouts_from_frames(states == 1))
    spans = tuple((int(start), int(stop)) for start, stop in bouts_from_frames(states >= 0))
    return RecordingLabels("1", annotator, bouts, {"grooming": spans})


@UNTIMED
@given(several(), st.booleans())
def test_every_frame_is_what_most_say(series, unanimous):
    assert consensus_states(series, unanimous=unanimous).tolist() == by_hand(series, unanimous)


@UNTIMED
@given(several(), st.booleans(), st.sampled_from([None, "mouse1"]))
def test_labels_give_the_states_back_to_the_frame(series, unanimous, individual):
    looked = [states for states in series if (states >= 0).any()]
    if len(looked) < 2:
        return
    labels = [labels_of(states, f"annotator {number}", individual) for number, states in enumerate(looked)]
    (consensus,) = consensus_labels(labels, unanimous=unanimous)
    assert consensus.annotator == CONSENSUS
    expected = by_hand(looked, unanimous)
    assert frame_states(consensus, SOLITARY, len(expected), individual).tolist() == expected


def test_a_recording_of_one_annotator_has_no_consensus():
    whole = {"grooming": ((0, 9),)}
    labels = [
        RecordingLabels("1", "anna", (Bout("grooming", 0, 3),), whole),
        RecordingLabels("1", "ben", (Bout("grooming", 0, 2),), whole),
        RecordingLabels("2", "anna", (), whole),
    ]
    (consensus,) = consensus_labels(labels)
    assert consensus.recording == "1"
    assert consensus.bouts == (Bout("grooming", 0, 2),)
    assert consensus.observed == {"grooming": ((0, 2), (3, 9))}


def test_behaviors_that_one_looked_for_are_left_out_unless_they_are_asked_for():
    anna = RecordingLabels("1", "anna", (), {"grooming": ((0, 9),), "rearing": ((0, 9),)})
    ben = RecordingLabels("1", "ben", (), {"grooming": ((0, 9),)})
    (consensus,) = consensus_labels([anna, ben])
    assert consensus.observed == {"grooming": ((0, 9),)}
    with pytest.raises(LabelError, match="one annotator who looked for rearing, anna"):
        consensus_labels([anna, ben], ["rearing"])


def test_of_several_animals_a_frame_is_absent_only_where_all_are_decided():
    whole = {"grooming": ((0, 6),)}
    anna = RecordingLabels("1", "anna", (Bout("grooming", 0, 3, "a"), Bout("grooming", 2, 5, "b")), whole)
    ben = RecordingLabels("1", "ben", (Bout("grooming", 0, 3, "a"), Bout("grooming", 2, 4, "b")), whole)
    (consensus,) = consensus_labels([anna, ben])
    states = {who: frame_states(consensus, SOLITARY, 6, who, sole=False).tolist() for who in "ab"}
    assert states == {"a": [1, 1, 1, 0, -1, 0], "b": [0, 0, 1, 1, -1, 0]}
