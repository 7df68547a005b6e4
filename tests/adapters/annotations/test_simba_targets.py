"""SimBA targets_inserted: which columns are behaviors, and what 0 does not say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nsp_adapters.annotations.simba_targets import EXAMPLE, looks_like_simba_targets, read_simba_targets
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout


@pytest.fixture
def features(tmp_path):
    """A table as SimBA writes it, 60 features wide, with classifiers at the end."""

    def features(n_frames: int = 50, **columns: list[int]):
        numbers = np.random.default_rng(0).normal(size=(n_frames, 60))
        names = ["nose_x", "nose_y", "nose_p", *(f"feature_{number}" for number in range(57))]
        table = pd.DataFrame(numbers, columns=names).assign(**columns)
        path = tmp_path / "video1.csv"
        table.to_csv(path)
        return path

    return features


def test_example_reads_and_says_what_it_took(write):
    path = write(EXAMPLE)
    assert looks_like_simba_targets(path)
    read = read_simba_targets(path, annotator="anna")
    (labels,) = read.labels
    assert (labels.recording, labels.annotator) == ("cage3", "anna")
    assert labels.bouts == (Bout("Attack", 3, 4), Bout("Sniffing", 1, 3))
    assert labels.observed == {"Attack": ((0, 4),), "Sniffing": ((0, 4),)}
    assert read.assumptions == (
        "cage3.csv: taken for behaviors, as the last columns of 0 and 1: Attack, Sniffing",
        "cage3.csv: 0 read as absent; SimBA writes 0 also where nobody looked",
    )


@pytest.mark.parametrize("n_behaviors", [1, 15, 16, 17, 40])
def test_all_last_columns_of_0_and_1_are_behaviors_in_their_order(features, n_behaviors):
    present = {f"b{number}": [0] * number + [1] + [0] * (49 - number) for number in range(n_behaviors)}
    (labels,) = read_simba_targets(features(**present)).labels
    assert labels.bouts == tuple(Bout(f"b{number}", number, number + 1) for number in range(n_behaviors))


def test_naming_behaviors_leaves_other_columns_of_0_and_1_out(features):
    path = features(in_zone=[1] * 50, Attack=[0] * 49 + [1])
    assert list(read_simba_targets(path).labels[0].observed) == ["in_zone", "Attack"]
    read = read_simba_targets(path, looked_for=["Attack"], n_frames=52)
    assert read.labels[0].bouts == (Bout("Attack", 49, 50),)
    assert read.labels[0].observed == {"Attack": ((0, 50),)}
    assert read.assumptions[-1] == "video1.csv: labels end after 50 of 52 frames; the rest is unlabeled"


def test_output_of_a_classifier_is_told(features):
    path = features(Probability_Attack=np.linspace(0, 1, 50), Attack=[0] * 49 + [1], Probability_b=[0] * 50, b=[0] * 50)
    read = read_simba_targets(path)
    assert list(read.labels[0].observed) == ["Attack", "b"]
    assert read.assumptions[0] == "video1.csv: Attack, b come from a classifier (Probability_), not from a person"


@pytest.mark.parametrize(
    ("text", "request_", "kind", "message"),
    [
        ("nose_x\n1\n", {}, FormatError, "found a first line of 1 cells"),
        (
            ",nose_x,nose_y,nose_p\n0,1,2,0.5\n",
            {},
            LabelError,
            "found a last column 'nose_p' that does not hold 0 and 1",
        ),
        (EXAMPLE, {"looked_for": ["attack"]}, LabelError, "found no column 'attack' (closest: 'Attack')"),
        (
            EXAMPLE,
            {"looked_for": ["nose_p"]},
            FormatError,
            "row 0 below the header: found nose_p '0.99', expected 0 or 1",
        ),
        (EXAMPLE, {"n_frames": 3}, LabelError, "found 4 frames of labels, expected 3 frames"),
        (EXAMPLE[:-1], {"looked_for": ["Sniffing"]}, FormatError, "row 3 below the header: found Sniffing ''"),
        (EXAMPLE.replace("\n2,", "\n3,"), {}, FormatError, "row 2 below the header: found index '3', expected 2"),
        (EXAMPLE + "\n4,1,2,3,0,1,1\n", {}, FormatError, "Expected 6 columns, got 7"),
        (EXAMPLE + "\n4,1,2\n", {}, FormatError, "Expected 6 columns, got 3"),
    ],
)
def test_refusals_say_what_and_where(write, text, request_, kind, message):
    with pytest.raises(kind) as caught:
        read_simba_targets(write(text), **request_)
    assert message in str(caught.value)


def test_wrong_encoding_is_told(write):
    with pytest.raises(FormatError, match="no csv text"):
        read_simba_targets(write(EXAMPLE.encode() + b"\n4,1,2,3,\xff,1\n"))


def test_other_tables_do_not_look_like_it(write):
    for text in (
        "",
        "frame,a\n0,1\n",
        ",nose_x,nose_y,nose_p\n0,1,2,1\n",
        ",nose_x,nose_y,nose_p,speed\n0,1,2,1,0.5\n",
    ):
        assert not looks_like_simba_targets(write(text))
