"""CalMS21: numbers become behaviors through the file's own vocabulary, and no pickle is opened."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nsp_adapters.annotations.calms21 import EXAMPLE, looks_like_calms21, read_calms21
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout

VOCAB = {"attack": 0, "investigation": 1, "mount": 2, "other": 3}


def sequence(annotations, vocab=VOCAB, **extra):
    keypoints = np.zeros((len(annotations), 2, 2, 7)).tolist()
    return {"keypoints": keypoints, "annotations": annotations, "metadata": {"fps": 30.0, "vocab": vocab}} | extra


@pytest.fixture
def calms21(write):
    def calms21(groups):
        return write(json.dumps(groups), "calms21_task1_train.json")

    return calms21


def test_every_sequence_is_a_recording_and_every_group_an_annotator(calms21):
    path = calms21(
        {
            "annotator-id_0": {"task2/mouse1": sequence([0, 0, 3, 1]), "task2/mouse2": sequence([3, 3])},
            "annotator-id_1": {"task2/mouse1": sequence([1, 0, 0, 3])},
        }
    )
    assert looks_like_calms21(path)
    read = read_calms21(path)
    assert [(each.recording, each.annotator) for each in read.labels] == [
        ("task2/mouse1", "annotator-id_0"),
        ("task2/mouse2", "annotator-id_0"),
        ("task2/mouse1", "annotator-id_1"),
    ]
    first, second, _ = read.labels
    assert first.bouts == (
        Bout("attack", 0, 2, "resident", "intruder"),
        Bout("investigation", 3, 4, "resident", "intruder"),
    )
    assert first.observed == dict.fromkeys(["attack", "investigation", "mount"], ((0, 4),))
    assert second.bouts == ()
    assert "every frame of a sequence was looked at; agent resident, target intruder" in read.assumptions[-1]
    chosen = read_calms21(path, recording="task2/mouse1", annotator="annotator-id_1", fps=30.0, n_frames=4).labels
    assert [each.annotator for each in chosen] == ["annotator-id_1"]


def test_vocabulary_is_read_and_never_assumed(calms21):
    (labels,) = read_calms21(calms21({"approach": {"s": sequence([1, 0], {"other": 0, "approach": 1})}})).labels
    assert labels.bouts == (Bout("approach", 0, 1, "resident", "intruder"),)
    (labels,) = read_calms21(calms21({"g": {"s": sequence([1, 0], ["other", "groom"])}})).labels
    assert list(labels.observed) == ["groom"]
    path = calms21({"g": {"s": sequence([1, 0], None)}})
    with pytest.raises(AmbiguousError, match="found no vocab in the metadata"):
        read_calms21(path)
    assert read_calms21(path, vocabulary=VOCAB).labels[0].bouts[0].behavior == "attack"


def test_sequences_without_labels_are_named(calms21):
    unlabeled = {"keypoints": [], "metadata": {}}
    read = read_calms21(calms21({"g": {"s1": sequence([3]), "s2": unlabeled}}))
    assert len(read.labels) == 1
    assert "1 sequences without labels left out: s2" in read.assumptions[0]


def test_longer_recording_leaves_the_rest_unlabeled(calms21):
    read = read_calms21(calms21({"g": {"s": sequence([0, 3])}}), n_frames=3)
    assert read.labels[0].observed["attack"] == ((0, 2),)


@pytest.mark.parametrize(
    ("groups", "request_", "kind", "message"),
    [
        ([1], {}, FormatError, "found a json list"),
        ({}, {}, FormatError, "found a json dict"),
        ({"g": []}, {}, FormatError, "found list as group 'g'"),
        ({"g": {"s": 3}}, {}, FormatError, "found int as sequence 's'"),
        ({"g": {"s": sequence([0, 7])}}, {}, FormatError, "found label 7 at frame 1, expected one of 0 (attack)"),
        ({"g": {"s": sequence([0.5])}}, {}, FormatError, "annotations of s that are no list of whole numbers"),
        ({"g": {"s": sequence([])}}, {}, FormatError, "annotations of s that are no list of whole numbers"),
        ({"g": {"s": sequence([[0], [1, 2]])}}, {}, FormatError, "no list of whole numbers"),
        ({"g": {"s": sequence([0, 1], keypoints=[0])}}, {}, LabelError, "found 2 labels and 1 frames of keypoints"),
        ({"g": {"s": sequence([0])}}, {"fps": 25.0}, FormatError, "found fps 30.0 in the file, expected 25.0"),
        ({"g": {"s": sequence([0])}}, {"recording": "t"}, LabelError, "found no sequence 't', expected one of s"),
        ({"g": {"s": sequence([0])}}, {"annotator": "h"}, LabelError, "found no annotator 'h', expected one of g"),
        ({"g": {"s": sequence([0])}}, {"looked_for": ["bite"]}, LabelError, "found no behavior 'bite'"),
        ({"g": {"s": sequence([0, 0])}}, {"n_frames": 1}, LabelError, "found 2 frames of labels, expected 1"),
        ({"g": {"s": sequence([0]), "t": sequence([0])}}, {"n_frames": 1}, AmbiguousError, "n_frames = 1 and 2 seq"),
    ],
)
def test_refusals_say_what_and_where(calms21, groups, request_, kind, message):
    with pytest.raises(kind) as caught:
        read_calms21(calms21(groups), **request_)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b'{"a": {"keypoints"', b'{"keypoints": "\xff"}', b"[" * 100_000])
def test_damaged_json_is_told(write, content):
    with pytest.raises(FormatError, match="found content that is no json"):
        read_calms21(write(content, "a.json"))


def test_example_is_valid(write):
    assert len(EXAMPLE.splitlines()) == 4
    assert read_calms21(write(EXAMPLE)).labels[0].bouts == (Bout("attack", 2, 3, "resident", "intruder"),)


def test_npy_of_numbers_reads_with_a_vocabulary(tmp_path):
    path = tmp_path / "mouse1.npy"
    np.save(path, np.array([0, 0, 3, 2]))
    assert looks_like_calms21(path)
    (labels,) = read_calms21(path, annotator="anna", vocabulary=VOCAB).labels
    assert (labels.recording, labels.annotator) == ("mouse1", "anna")
    assert [bout.behavior for bout in labels.bouts] == ["attack", "mount"]


class Trap:
    """Runs code when unpickled."""

    def __reduce__(self):
        return (print, ("run",))


def test_pickled_npy_is_refused_and_runs_nothing(tmp_path, capsys):
    path = tmp_path / "calms21_task1_train.npy"
    np.save(path, np.array({"g": Trap()}, dtype=object), allow_pickle=True)
    assert looks_like_calms21(path)
    with pytest.raises(FormatError, match=r"found an npy that is pickled or damaged .* read the json it was made from"):
        read_calms21(path)
    assert capsys.readouterr().out == ""


def test_other_files_do_not_look_like_it(write, tmp_path):
    for content in (b"", b'{"observations": {}}', b"a,b\n", b"[1]"):
        assert not looks_like_calms21(write(content))
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    assert not looks_like_calms21(tmp_path / "x.npy")


@pytest.mark.parametrize("vocab", [{"0": "attack"}, {"attack": None}, {"attack": 0, "other": 0}])
def test_a_vocabulary_without_different_numbers_is_refused(calms21, vocab):
    with pytest.raises(FormatError, match=r"found the vocabulary .*, expected a different whole number for every name"):
        read_calms21(calms21({"g": {"s": sequence([0, 0], vocab)}}))
