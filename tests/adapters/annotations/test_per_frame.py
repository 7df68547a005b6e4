"""States per frame: -1 stays apart from 0 both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsp_adapters.annotations.per_frame import fit_length, labels_from_states, states_from_labels
from nsp_core.errors import LabelError
from nsp_core.labels import Bout, RecordingLabels

PATH = Path("cage3.csv")


def states(*values):
    return {"attack": np.array(values, dtype=np.int8)}


def test_unlabeled_frames_are_outside_the_observed_spans():
    labels = labels_from_states("r", "anna", states(-1, 0, 1, 1, -1, 1), "m1", "m2")
    assert labels.bouts == (Bout("attack", 2, 4, "m1", "m2"), Bout("attack", 5, 6, "m1", "m2"))
    assert labels.observed == {"attack": ((1, 4), (5, 6))}
    np.testing.assert_array_equal(states_from_labels(labels, 7, "x")["attack"], [-1, 0, 1, 1, -1, 1, -1])


def test_shorter_file_leaves_the_rest_unlabeled_and_says_so():
    fitted, sentences = fit_length(states(0, 1), 4, PATH)
    assert fitted["attack"].tolist() == [0, 1, -1, -1]
    assert sentences == ("cage3.csv: labels end after 2 of 4 frames; the rest is unlabeled",)
    assert fit_length(states(0, 1), None, PATH)[1] == ()


def test_longer_file_is_refused_unless_the_surplus_is_unlabeled():
    fitted, sentences = fit_length(states(0, 1, -1), 2, PATH)
    assert fitted["attack"].tolist() == [0, 1]
    assert sentences == ()
    with pytest.raises(LabelError, match=r"cage3\.csv: found 3 frames of labels, expected 2 frames"):
        fit_length(states(0, 1, 0), 2, PATH)


def test_labels_beyond_the_recording_cannot_be_written():
    labels = RecordingLabels("r", "anna", (Bout("attack", 2, 9),))
    with pytest.raises(LabelError, match="found labels up to frame 9, expected labels within the 8 frames"):
        states_from_labels(labels, 8, "x")
