"""MABe 2025: exclusive stops as here, and a whitelist of what was looked for."""

from __future__ import annotations

import pandas as pd
import pytest

from nsp_adapters.annotations.mabe import EXAMPLE, looks_like_mabe, read_mabe
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout

WHITELIST = (
    '["mouse1,mouse2,sniff", "mouse2,mouse1,sniff", "mouse2,self,rear", "mouse1,self,rear", "mouse1,mouse2,flee"]'
)


def test_stops_are_exclusive_and_an_animal_alone_has_no_target(write):
    path = write(EXAMPLE)
    assert looks_like_mabe(path)
    read = read_mabe(path, n_frames=200, annotator="anna")
    (labels,) = read.labels
    assert labels.bouts == (
        Bout("sniff", 52, 81, "mouse1", "mouse2"),
        Bout("sniff", 90, 95, "mouse1", "mouse2"),
        Bout("attack", 95, 130, "mouse2", "mouse1"),
        Bout("rear", 120, 140, "mouse2", None),
    )
    assert labels.observed == dict.fromkeys(["sniff", "attack", "rear"], ((0, 200),))
    assert "no behaviors_labeled: only actions that occur or are named" in read.assumptions[0]


def test_only_the_whitelist_was_looked_for(write):
    read = read_mabe(write(EXAMPLE), n_frames=200, behaviors_labeled=WHITELIST)
    (labels,) = read.labels
    assert [bout.behavior for bout in labels.bouts] == ["sniff", "sniff", "rear"]
    assert labels.observed == dict.fromkeys(["flee", "rear", "sniff"], ((0, 200),))
    assert read.assumptions[:2] == (
        "cage3.csv: 1 rows are not in behaviors_labeled and were left out",
        "cage3.csv: flee was not looked for in mouse2 to mouse1, which would read as absent",
    )


def test_whitelist_may_be_a_list_with_quotes_in_quotes_and_name_one_animal(write):
    read = read_mabe(write(EXAMPLE), behaviors_labeled=["'mouse2,self,rear'", "mouse1,mouse2,sniff"])
    assert [bout.behavior for bout in read.labels[0].bouts] == ["sniff", "sniff", "rear"]
    assert "cage3.csv: rear was not looked for in mouse1 alone, which would read as absent" in read.assumptions


def test_parquet_reads_like_csv(write, tmp_path):
    path = tmp_path / "44566106.parquet"
    pd.read_csv(write(EXAMPLE)).to_parquet(path)
    assert looks_like_mabe(path)
    (labels,) = read_mabe(path).labels
    assert labels.recording == "44566106"
    assert labels.bouts == read_mabe(write(EXAMPLE)).labels[0].bouts
    assert labels.observed["sniff"] == ((0, 140),)


def test_videos_are_kept_apart(write):
    header = "row_id,video_id,agent_id,target_id,action,start_frame,stop_frame\n"
    text = header + "0,7,mouse1,mouse2,a,0,4\n1,8,mouse1,self,b,3,9\n"
    read = read_mabe(write(text))
    assert [(each.recording, each.bouts) for each in read.labels] == [
        ("7", (Bout("a", 0, 4, "mouse1", "mouse2"),)),
        ("8", (Bout("b", 3, 9, "mouse1", None),)),
    ]
    assert [each.recording for each in read_mabe(write(text), recording="8").labels] == ["8"]
    with pytest.raises(LabelError, match="found no video '9', expected one of 7, 8"):
        read_mabe(write(text), recording="9")


def test_video_in_which_nothing_happened_is_observed_all_the_same(write):
    (labels,) = read_mabe(write(EXAMPLE.splitlines()[0]), n_frames=50, behaviors_labeled=WHITELIST).labels
    assert labels.bouts == ()
    assert labels.observed["flee"] == ((0, 50),)


@pytest.mark.parametrize(
    ("old", "new", "kind", "message"),
    [
        ("action", "behavior", FormatError, "found no column 'action'"),
        ("sniff,52,81", "sniff,81,81", FormatError, "line 2: found sniff over frames [81, 81)"),
        ("sniff,52,81", "sniff,52.5,81", FormatError, "line 2: found start_frame '52.5'"),
        ("1,2,sniff,52", ",2,sniff,52", FormatError, "line 2: found an empty agent_id"),
        ("rear,120,140", "rear,120,201", LabelError, "line 5: found rear over frames [120, 201)"),
    ],
)
def test_bad_row_is_named(write, old, new, kind, message):
    with pytest.raises(kind) as caught:
        read_mabe(write(EXAMPLE.replace(old, new)), n_frames=200)
    assert message in str(caught.value)


@pytest.mark.parametrize("whitelist", ["mouse1,mouse2,sniff", "[]x", '{"a": 1}', '["mouse1,sniff"]', "[3]", ["a,,b"]])
def test_malformed_whitelist_is_told(write, whitelist):
    with pytest.raises(FormatError, match="expected a list of triples such as"):
        read_mabe(write(EXAMPLE), behaviors_labeled=whitelist)


def test_damaged_parquet_is_told(write, tmp_path):
    whole = tmp_path / "a.parquet"
    pd.read_csv(write(EXAMPLE)).to_parquet(whole)
    path = write(whole.read_bytes()[:-40], "cut.parquet")
    assert not looks_like_mabe(path)
    with pytest.raises(FormatError, match="found a parquet file that is damaged"):
        read_mabe(path)


def test_other_tables_do_not_look_like_it(write, tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    assert not looks_like_mabe(tmp_path / "a.parquet")
    assert not looks_like_mabe(write("behavior,start_frame,stop_frame\na,1,2\n"))


VIDEOS = "video_id,agent_id,target_id,action,start_frame,stop_frame\n7,1,2,sniff,0,10\n8,1,2,flee,500,510\n"


def test_other_videos_are_not_held_against_this_one(write):
    read = read_mabe(write(VIDEOS), recording="7", n_frames=100, behaviors_labeled=["mouse1,mouse2,sniff"])
    assert read.labels[0].bouts == (Bout("sniff", 0, 10, "mouse1", "mouse2"),)
    # The row of video 8 is not in the whitelist of video 7, and need not be.
    assert not any("left out" in sentence for sentence in read.assumptions)


def test_the_only_video_under_another_name_is_told(write):
    (one, _) = VIDEOS.split("8,")
    assert "cage3.csv: its only video '7' was taken for 'x'" in read_mabe(write(one), recording="x").assumptions
