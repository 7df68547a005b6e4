"""MABe 2025: bouts of agent, target and action, with a whitelist of what was looked for in each video.

``train_annotation/<lab>/<video>.parquet`` (or the same columns as csv)::

    agent_id,target_id,action,start_frame,stop_frame
    1,2,sniff,52,81
    2,2,rear,120,140

- Frames are 0-based and ``stop_frame`` is **exclusive**: as here, nothing is converted.
- Mice are numbers (``1``) or names (``mouse1``): both become ``mouse1``. An action of an animal alone has its agent as
  target, or ``self``; its target is None here.
- A column ``video_id``, where there is one, tells recordings apart.
- What was looked for stands in another file: ``behaviors_labeled`` of the video's row in ``train.csv``, a list such as
  ``["mouse1,mouse2,sniff", "mouse1,self,rear"]``. Only these triples count; rows of others are left out and counted.

Known traps:

- Annotation is sparse: without the whitelist, an action nobody looked for and one that never happened look the same.
  Without it only actions that occur are observed.
- Observed spans are per action, not per pair of animals. Where the whitelist names an action for some pairs only, the
  other pairs would read as absent; the import says so for each such action.
- The parquet file does not know the length of the video.

References
----------
MABe mouse behavior detection 2025 (data description and scorer: ``range(start_frame, stop_frame)``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from nsp_adapters.annotations.delimited import DelimitedText, Row, header_of, read_delimited
from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotations.spans import watched_throughout, within_recording
from nsp_adapters.input_file import beginning_of, require_content
from nsp_core.errors import FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels

__all__ = ["EXAMPLE", "looks_like_mabe", "read_mabe"]

COLUMNS = ("agent_id", "target_id", "action", "start_frame", "stop_frame")
EXAMPLE = """agent_id,target_id,action,start_frame,stop_frame
1,2,sniff,52,81
1,2,sniff,90,95
2,1,attack,95,130
2,2,rear,120,140"""

READ_COLUMNS = (*COLUMNS, "video_id")
MOST_ROWS = 2_000_000

Triple = tuple[str, str | None, str]

_PARQUET = b"PAR1"


def looks_like_mabe(path: Path) -> bool:
    """Return whether it is a csv or parquet table with the five columns."""
    if not beginning_of(path, len(_PARQUET)).startswith(_PARQUET):
        return set(COLUMNS) <= set(header_of(path)[0])
    try:
        return set(COLUMNS) <= set(pq.read_schema(path).names)
    except Exception:  # pyarrow reports damage by whatever exception it meets
        return False


def read_mabe(
    path: Path,
    *,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
    behaviors_labeled: str | Sequence[str] | None = None,
) -> ImportedAnnotations:
    """Return the bouts of the whitelisted triples, each of their actions looked for in the whole recording.

    Parameters
    ----------
    path
        The parquet or csv table.
    n_frames
        Length of the recording. Default: the last frame mentioned.
    recording
        Name to give, or which video to take where the table has ``video_id``. Default: the file's name, or all.
    annotator
        Name to put on the labels.
    looked_for
        Actions looked for besides those that occur, where there is no whitelist.
    behaviors_labeled
        The whitelist: triples ``"agent,target,action"``, or the cell of ``train.csv`` as it stands.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If a column is missing, a row is malformed or the whitelist holds no triples.
    LabelError
        If a bout lies outside the recording, or ``recording`` is not among several videos.
    """
    table = _table(path)
    table.require(COLUMNS)
    whitelist = None if behaviors_labeled is None else frozenset(_triples(path, behaviors_labeled))
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        rows.setdefault(row["video_id"], []).append(row)
    chosen, assumptions = _of_recording(path, rows, recording)
    labels: list[RecordingLabels] = []
    left_out = 0
    for name, its_rows in chosen.items():
        bouts = [_bout(table, row, n_frames) for row in its_rows]
        its_bouts = [bout for bout in bouts if whitelist is None or _triple(bout) in whitelist]
        left_out += len(bouts) - len(its_bouts)
        occurring = [bout.behavior for bout in its_bouts]
        actions = [*occurring, *looked_for] if whitelist is None else sorted({action for *_, action in whitelist})
        last = max((bout.stop_frame for bout in its_bouts), default=0)
        observed, sentences = watched_throughout(actions, n_frames, last, recording=name)
        labels.append(RecordingLabels(name, annotator, tuple(its_bouts), observed))
        assumptions += sentences
    return ImportedAnnotations(tuple(labels), _whitelist_notes(path, whitelist, left_out) + assumptions)


def _table(path: Path) -> DelimitedText:
    require_content(path, "a MABe annotation table")
    if not beginning_of(path, len(_PARQUET)).startswith(_PARQUET):
        return read_delimited(path, what="a MABe annotation table", example=EXAMPLE)
    columns, cells_of_rows = _parquet(path)
    # A missing value is an empty cell; lines count from the first row, as in a csv below its header.
    rows = tuple(
        Row(line, {name: "" if cell is None else str(cell).strip() for name, cell in cells.items()})
        for line, cells in enumerate(cells_of_rows, start=2)
    )
    return DelimitedText(path, columns, rows, EXAMPLE)


def _parquet(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """Return the names of the columns that are read, and the cells of every row by these names."""
    try:
        n_rows = pq.read_metadata(path).num_rows
        names = [name for name in pq.read_schema(path).names if name in READ_COLUMNS]
        # Repeated values take no room in parquet, and all of it in memory: rows are counted first.
        cells = pq.read_table(path, columns=names).to_pylist() if n_rows <= MOST_ROWS else []
    except Exception as error:  # pyarrow reports damage by whatever exception it meets
        raise FormatError(
            found=f"a parquet file that is damaged ({error})",
            expected="a whole parquet file",
            where=path.name,
            remedy="download it again",
        ) from error
    if n_rows > MOST_ROWS:
        raise FormatError(
            found=f"{n_rows} rows",
            expected=f"one row per bout, {MOST_ROWS} at most",
            where=path.name,
            remedy="give the bouts of one laboratory or video at a time",
        )
    return tuple(names), cells


def _bout(table: DelimitedText, row: Row, n_frames: int | None) -> Bout:
    action = table.name(row, "action")
    agent = _animal(table.name(row, "agent_id"))
    target = _animal(table.name(row, "target_id"))
    where = f"{table.path.name}, line {row.line}"
    start, stop = table.frame(row, "start_frame"), table.frame(row, "stop_frame")
    start, stop = within_recording(start, stop, n_frames, what=action, where=where)
    return Bout(action, start, stop, agent, None if target in ("self", agent) else target)


def _triple(bout: Bout) -> Triple:
    return bout.individual or "", bout.target, bout.behavior


def _animal(name: str) -> str:
    """Return ``mouse1`` for 1, 1.0 and mouse1."""
    number = re.fullmatch(r"([0-9]+)(\.0+)?", name)
    return f"mouse{number[1]}" if number else name


def _triples(path: Path, behaviors_labeled: str | Sequence[str]) -> Iterator[Triple]:
    listed: object = behaviors_labeled
    if isinstance(behaviors_labeled, str):
        try:
            listed = json.loads(behaviors_labeled)
        except (ValueError, RecursionError):
            listed = None
    for text in listed if isinstance(listed, list | tuple) else [None]:
        # Some cells of train.csv have quotes within the quotes.
        parts = [part.strip().strip("'\"") for part in text.split(",")] if isinstance(text, str) else []
        if len(parts) != 3 or not all(parts):
            raise FormatError(
                found=f"a whitelist entry {text!r}" if text else f"a whitelist {str(behaviors_labeled)[:60]!r}",
                expected='a list of triples such as ["mouse1,mouse2,sniff", "mouse1,self,rear"]',
                where=f"behaviors_labeled of {path.name}",
                remedy="copy the cell of train.csv as it stands",
            )
        agent, target = _animal(parts[0]), _animal(parts[1])
        yield agent, None if target in ("self", agent) else target, parts[2]


def _whitelist_notes(path: Path, whitelist: frozenset[Triple] | None, left_out: int) -> tuple[str, ...]:
    if whitelist is None:
        return (f"{path.name}: no behaviors_labeled: only actions that occur or are named were taken as looked for",)
    notes = [f"{path.name}: {left_out} rows are not in behaviors_labeled and were left out"] if left_out else []
    animals = {name for agent, target, _ in whitelist for name in (agent, target) if name is not None}
    for action in sorted({action for *_, action in whitelist}):
        pairs = {(agent, target) for agent, target, its_action in whitelist if its_action == action}
        alone = {agent for agent, target in pairs if target is None}
        missing = [] if not alone else [f"{name} alone" for name in sorted(animals - alone)]
        if len(pairs) > len(alone):
            possible = [pair for pair in permutations(sorted(animals), 2) if pair not in pairs]
            missing += [f"{agent} to {target}" for agent, target in possible]
        if missing:
            notes.append(
                f"{path.name}: {action} was not looked for in {', '.join(missing)}, which would read as absent"
            )
    return tuple(notes)


def _of_recording(
    path: Path, rows: dict[str, list[Row]], recording: str | None
) -> tuple[dict[str, list[Row]], tuple[str, ...]]:
    """Return the rows of each recording asked for, and a sentence where the only video has another name."""
    if recording in rows and recording:
        return {recording: rows[recording]}, ()
    if len(rows) > 1 and recording is not None:
        raise LabelError(
            found=f"no video {recording!r}",
            expected=f"one of {', '.join(rows)}",
            where=path.name,
            remedy="name a recording as in the column video_id",
        )
    if len(rows) > 1 or (any(rows) and recording is None):
        return rows, ()
    notes = tuple(f"{path.name}: its only video {video!r} was taken for {recording!r}" for video in rows if video)
    name = recording or path.name.removesuffix(".parquet").removesuffix(".csv")
    return {name: next(iter(rows.values()), [])}, notes
