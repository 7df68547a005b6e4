"""Whatever stands below the header of an annotation: it is read, or refused by an error of this project."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsp_adapters.annotations import (
    bento,
    calms21,
    caltech_streams,
    deepethogram,
    interval_csv,
    mabe,
    per_frame_csv,
    plain_bouts,
    simba_bouts,
    simba_targets,
)
from nsp_adapters.annotations.detect import detect_annotation_format, read_annotation_file
from nsp_adapters.bout_csv import read_bout_csv
from nsp_adapters.caltech import read_caltech
from nsp_core.errors import NspError
from nsp_core.labels import Behavior

EXAMPLES = {
    "bento": bento.EXAMPLE,
    "boris-aggregated": "Observation id,FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)\nday 1,25,,a,STATE,1,2",
    "boris-binary": "time,sniff\n0.00,0",
    "boris-project": '{"behaviors_conf": {"0": {"code": "a", "type": "State event"}}, "observations":\n{}}',
    "boris-tabular": "Time,Subject,Behavior,Status,FPS,Total length\n1.0,,sniff,START,25.0,20.0",
    "bout-csv": plain_bouts.EXAMPLE,
    "calms21": calms21.EXAMPLE,
    "caltech": caltech_streams.EXAMPLE,
    "deepethogram": deepethogram.EXAMPLE,
    "interval-csv": interval_csv.EXAMPLE,
    "mabe": mabe.EXAMPLE,
    "per-frame-csv": per_frame_csv.EXAMPLE,
    "simba-bouts": simba_bouts.EXAMPLE,
    "simba-targets": simba_targets.EXAMPLE,
}
ATTACK = [Behavior("attack", "undirected")]

# Anything, and what has a meaning somewhere: separators, numbers at and beyond every edge, words of the formats.
SEPARATORS = (",", ";", "\t", "\n", "\n\n", '"', " ", "{", "}", "[", "]", ":", ">", "\x00", "\ufeff", "\x1c")
NUMBERS = (
    "0",
    "1",
    "-1",
    "2",
    "7.5",
    "1e308",
    "1e-320",
    "-1e308",
    "nan",
    "inf",
    "9" * 18,
    "9" * 5000,
    "٣",
    "0x1",
    "1_0",
)
WORDS = ("attack", "sniff", "START", "STOP", "POINT", "STATE", "background", "Start_End", "NA", "true", "null")
LINES = ("S1: start end type", "Ch1----------", ">attack", "----")
MEANINGFUL = st.sampled_from((*SEPARATORS, *NUMBERS, *WORDS, *LINES))
TEXT = st.text(max_size=40) | st.lists(MEANINGFUL, max_size=14).map("".join)
ANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Write = Callable[..., Path]


@ANY
@pytest.mark.parametrize("name", EXAMPLES)
@given(n_kept=st.integers(0, 5), text=TEXT)
def test_any_text_is_read_or_refused(write: Write, name: str, n_kept: int, text: str) -> None:
    kept = "".join(EXAMPLES[name].splitlines(keepends=True)[:n_kept])
    path = write((kept + text).encode("utf-8", errors="surrogatepass"))
    with suppress(NspError):
        detect_annotation_format(path)
    for n_frames in (None, 1200):
        with suppress(NspError):
            read = read_annotation_file(path, format=name, fps=25.0, n_frames=n_frames)
            assert n_frames is None or all(one.last_frame <= n_frames for one in read.labels)


@ANY
@given(n_kept=st.integers(0, 5), text=TEXT)
def test_any_text_is_read_or_refused_as_a_study_reads_it(write: Write, n_kept: int, text: str) -> None:
    for example in (plain_bouts.EXAMPLE, caltech_streams.EXAMPLE):
        kept = "".join(example.splitlines(keepends=True)[:n_kept])
        path = write((kept + text).encode("utf-8", errors="surrogatepass"))
        with suppress(NspError):
            read_bout_csv(path, recording="cage3", fps=25.0, behaviors=ATTACK, observed="labeled-span", n_frames=None)
        with suppress(NspError):
            read_caltech(path, recording="cage3", behaviors=ATTACK)
