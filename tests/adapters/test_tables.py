"""Tables on disk: exact round trips, fixed text, parts that survive a killed run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsp_adapters.tables import (
    FrameTableWriter,
    assemble,
    find_part,
    iterate_frame_tables,
    read_bout_table,
    write_bout_tables,
    write_part,
    write_table_csv,
)
from nsp_core.errors import FormatError, MissingFileError, OutputError
from nsp_core.ethogram.tables import BOUT_DTYPES, bout_table, concat_bouts, frame_table
from nsp_core.provenance import digest

KEY, OLDER_KEY = digest("new program"), digest("old program")
PROBABILITY = np.array([0.0, 1.0, 0.5, np.nan, 2 / 3], dtype=np.float32)
PRESENT = np.array([False, True, True, False, True])


def bouts(recording: str = "1") -> pd.DataFrame:
    return concat_bouts(
        [
            bout_table(recording, "rat_1", "rat_2", "chase", PRESENT, PROBABILITY, 29.97),
            bout_table(recording, "NA", None, "rest, alone", PRESENT, PROBABILITY * np.nan, 29.97),
        ]
    )


def frames(recording: str = "1") -> list[pd.DataFrame]:
    return [
        frame_table(recording, "rat_1", "rat_2", "chase", PROBABILITY, 29.97),
        frame_table(recording, "NA", None, "rest, alone", PROBABILITY, 29.97),
    ]


def killed_after_the_first() -> Iterator[pd.DataFrame]:
    """Frame tables of a run that is interrupted after the first of them."""
    yield frames()[0]
    raise KeyboardInterrupt


def write_all(writer: FrameTableWriter, tables: Iterator[pd.DataFrame]) -> None:
    for table in tables:
        writer.write(table)


def test_the_csv_is_what_the_documentation_promises(tmp_path: Path) -> None:
    _, csv = write_bout_tables(tmp_path, bouts())
    assert csv.read_bytes().decode() == (
        "recording,individual,target,behavior,start_frame,stop_frame,start_s,stop_s,mean_prob\n"
        "1,rat_1,rat_2,chase,1,3,0.033367,0.100100,0.7500\n"
        "1,rat_1,rat_2,chase,4,5,0.133467,0.166834,0.6667\n"
        '1,NA,,"rest, alone",1,3,0.033367,0.100100,\n'
        '1,NA,,"rest, alone",4,5,0.133467,0.166834,\n'
    )


def test_parquet_reads_back_exactly_and_csv_to_its_decimals(tmp_path: Path) -> None:
    parquet, csv = write_bout_tables(tmp_path, bouts())
    pd.testing.assert_frame_equal(read_bout_table(parquet), bouts(), check_exact=True)
    pd.testing.assert_frame_equal(read_bout_table(csv), bouts(), check_exact=False, atol=5e-5, rtol=0)


def test_plain_pandas_reads_the_tables(tmp_path: Path) -> None:
    parquet, csv = write_bout_tables(tmp_path, bouts())
    for plain in (pd.read_parquet(parquet), pd.read_csv(csv)):
        assert list(plain.columns) == list(BOUT_DTYPES)
        assert plain["start_frame"].tolist() == [1, 4, 1, 4]
        assert plain["target"].isna().tolist() == [False, False, True, True]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(NAMES, NAMES, st.one_of(st.none(), NAMES), NAMES, st.lists(st.booleans(), max_size=12))
def test_any_names_survive_both_formats(
    recording: str, individual: str, target: str | None, behavior: str, present: list[bool]
) -> None:
    states = np.array(present, dtype=bool)
    table = bout_table(recording, individual, target, behavior, states, states.astype(np.float32), 25.0)
    with tempfile.TemporaryDirectory() as folder:
        for path in write_bout_tables(Path(folder), table):
            pd.testing.assert_frame_equal(read_bout_table(path), table)


def test_frames_stream_into_one_file_with_nulls_where_abstained(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    with FrameTableWriter(path) as writer:
        for recording in ("1", "2"):
            writer.write(pd.concat(frames(recording)))
        writer.write(frame_table("3", "a", None, "rest", np.array([], dtype=np.float32), 30.0))
        assert not path.exists()
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups == 2, "one per recording"
    assert metadata.row_group(0).column(6).statistics.null_count == 2
    pd.testing.assert_frame_equal(next(iterate_frame_tables(path)), pd.concat(frames(), ignore_index=True))


def test_an_interrupted_stream_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    with FrameTableWriter(path) as writer:
        writer.write(frames()[0])
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), FrameTableWriter(path) as writer:
        write_all(writer, killed_after_the_first())
    assert path.read_bytes() == before
    assert [member.name for member in tmp_path.iterdir()] == ["frames.parquet"]


def test_a_frame_table_can_be_written_as_csv(tmp_path: Path) -> None:
    write_table_csv(tmp_path / "frames.csv", frames()[0])
    lines = (tmp_path / "frames.csv").read_text().splitlines()
    assert lines[0] == "recording,individual,target,behavior,frame,time_s,prob"
    assert lines[4:] == ["1,rat_1,rat_2,chase,3,0.100100,", "1,rat_1,rat_2,chase,4,0.133467,0.6667"]


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        parts = [write_part(tmp_path / name, recording, KEY, bouts(recording), frames(recording)) for recording in "12"]
        assemble(parts, tmp_path / name)
    written = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("first", "second")
    ]
    assert written[0] == written[1]
    assert len(written[0]) == 7


def test_parts_assemble_into_the_tables_of_an_uninterrupted_run(tmp_path: Path) -> None:
    recordings = ["10", "2", "cage 3/day 1"]
    for recording in reversed(recordings):  # they may finish in any order
        write_part(tmp_path, recording, KEY, bouts(recording), frames(recording))
    parts = [find_part(tmp_path, recording, KEY) for recording in recordings]
    parquet, csv, frame_path = assemble([part for part in parts if part], tmp_path)
    expected = concat_bouts(bouts(recording) for recording in recordings)
    pd.testing.assert_frame_equal(read_bout_table(parquet), expected)
    assert read_bout_table(csv)["recording"].unique().tolist() == recordings
    streamed = pd.concat(iterate_frame_tables(frame_path), ignore_index=True)
    pd.testing.assert_frame_equal(
        streamed, pd.concat([table for name in recordings for table in frames(name)], ignore_index=True)
    )


def test_no_parts_and_no_bouts_still_give_readable_tables(tmp_path: Path) -> None:
    for parts in ([], [write_part(tmp_path, "1", KEY, bouts().iloc[:0], [])]):
        parquet, csv, frame_path = assemble(parts, tmp_path)
        for path in (parquet, csv):
            pd.testing.assert_frame_equal(read_bout_table(path), concat_bouts([]))
        assert list(iterate_frame_tables(frame_path)) == []


def test_a_part_is_found_by_its_key_and_replaces_the_older_one(tmp_path: Path) -> None:
    assert find_part(tmp_path, "1", KEY) is None
    older = write_part(tmp_path, "1", OLDER_KEY, bouts(), frames())
    assert find_part(tmp_path, "1", OLDER_KEY) == older
    assert find_part(tmp_path, "1", KEY) is None
    write_part(tmp_path, "1", KEY, bouts(), frames())
    assert find_part(tmp_path, "1", OLDER_KEY) is None


def test_a_part_cut_short_is_not_found(tmp_path: Path) -> None:
    part = write_part(tmp_path, "1", KEY, bouts(), frames())
    path = part / "frames.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    assert find_part(tmp_path, "1", KEY) is None
    with pytest.raises(FormatError, match="delete it and run the inference again"):
        assemble([part], tmp_path)


def test_an_interrupted_part_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_part(tmp_path, "1", KEY, bouts(), killed_after_the_first())
    assert find_part(tmp_path, "1", KEY) is None
    assert list((tmp_path / "parts").iterdir()) == []


def test_flipped_bits_are_noticed_and_leave_the_final_tables_alone(tmp_path: Path) -> None:
    part = write_part(tmp_path, "1", KEY, bouts(), frames())
    frame_path = assemble([part], tmp_path)[-1]
    before = frame_path.read_bytes()
    damaged = bytearray((part / "frames.parquet").read_bytes())
    times = pq.read_metadata(part / "frames.parquet").row_group(0).column(5)
    damaged[times.dictionary_page_offset + times.total_compressed_size - 1] ^= 0xFF
    (part / "frames.parquet").write_bytes(bytes(damaged))
    with pytest.raises(FormatError, match="found damaged rows"):
        assemble([part], tmp_path)
    assert frame_path.read_bytes() == before


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    for name in ("bouts.parquet", "bouts.csv"):
        with pytest.raises(MissingFileError, match=rf"{name}: found no such file.*run the inference again"):
            read_bout_table(tmp_path / name)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    parquet, csv = write_bout_tables(tmp_path, bouts())
    csv.write_text("behavior,start\nchase,1\n")
    with pytest.raises(FormatError, match="found the columns behavior, start, expected a table of the columns rec"):
        read_bout_table(csv)
    csv.write_text(",".join(BOUT_DTYPES) + "\n1,a,b,chase,one,3,0.1,0.2,0.5\n")
    with pytest.raises(FormatError, match="invalid literal"):
        read_bout_table(csv)
    with pytest.raises(FormatError, match="found the columns recording"):
        next(iterate_frame_tables(parquet))


def test_a_folder_that_is_a_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("not a folder")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_bout_tables(tmp_path / "out", bouts())
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_part(tmp_path / "out", "1", KEY, bouts(), frames())
