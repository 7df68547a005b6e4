"""Labels of several annotators: only frames that all looked at, and enough bouts of everybody."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core.errors import LabelError
from nsp_core.sequences import LabeledSequence
from nsp_core.units import parse_unit
from nsp_core.weak.annotator_frames import labeled_with, masked, on_common_frames, require_bouts, shows_both


def series(*states: int) -> np.ndarray:
    return np.array(states, dtype=np.int8)


def sequence(n_frames: int, recording: str = "1") -> LabeledSequence:
    values = np.zeros((n_frames, 1), dtype=np.float32)
    return LabeledSequence(recording, values, np.zeros(n_frames, np.int8), ("d",), (parse_unit("mm"),), 30.0)


def test_a_frame_that_one_did_not_look_at_is_nobodys():
    states = {"anna": [series(1, 0, 1, 0)], "ben": [series(-1, 0, 1, 1)]}
    common = on_common_frames([sequence(4)], states)
    assert {who: own[0].tolist() for who, own in common.items()} == {"anna": [-1, 0, 1, 0], "ben": [-1, 0, 1, 1]}
    assert states["anna"][0].tolist() == [1, 0, 1, 0], "what was given is left as it is"


def bouts(number: int, n_frames: int = 100) -> np.ndarray:
    states = np.zeros(n_frames, dtype=np.int8)
    states[[5 * place for place in range(number)]] = 1
    return states


def test_everybody_needs_eight_bouts_and_who_has_the_fewest_is_named():
    require_bouts({"anna": [bouts(8), bouts(1)], "ben": [bouts(5), bouts(3)]}, "chase")
    with pytest.raises(LabelError) as caught:
        require_bouts({"anna": [bouts(9)], "ben": [bouts(6)], "cleo": [bouts(12)]}, "chase")
    error = caught.value
    assert error.found == "6 bouts of chase by ben (anna 9, cleo 12)"
    assert error.expected == "at least 8 of every annotator on the frames that all of them looked at"
    assert error.remedy == "have ben annotate 2 more, or leave ben out"


def test_bouts_count_only_where_all_looked():
    looked = bouts(12)
    looked[:20] = -1
    with pytest.raises(LabelError, match=r"found 5 bouts of chase by anna \(ben 8\)"):
        # The first four of anna's are where ben did not look.
        require_bouts({"anna": [bouts(9)], "ben": [looked]}, "chase")


def test_labels_are_masked_and_sequences_without_any_left_out():
    kept = [np.array([True, False, True]), np.zeros(2, dtype=bool)]
    states = masked([series(1, 1, 0), series(1, 0)], kept)
    assert [own.tolist() for own in states] == [[1, -1, 0], [-1, -1]]
    assert shows_both(states)
    assert not shows_both(states[1:])
    (only,) = labeled_with([sequence(3, "1"), sequence(2, "2")], states)
    assert (only.recording, only.states.tolist()) == ("1", [1, -1, 0])
