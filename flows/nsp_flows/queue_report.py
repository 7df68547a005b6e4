"""What ``nsp queue`` prints: the clips, what they cost a person, and how what was annotated comes back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsp_core.labels import Behavior
from nsp_core.weak.annotator_cost import SECONDS_PER_BOUT, SECONDS_PER_VIDEO_SECOND, annotation_cost_s
from nsp_core.weak.queue import ProposedClip
from nsp_flows.queue_clips import ClipQueue, FoundClips
from nsp_flows.queue_files import REVIEW, clip_times
from nsp_flows.queue_simulation import QueueSimulation, time_to_reach
from nsp_flows.telling import counted, print_whole, say

__all__ = ["print_queue", "print_reviewed", "print_simulation"]

SHOWN_POINTS = 5


def print_queue(queue: ClipQueue, console: Console) -> None:
    """Print the clips and what to do with them, for a person at a terminal."""
    for note in queue.notes:
        say(console, "note", note, style="yellow")
    if queue.found is not None:
        _print_basis(queue, queue.found, console)
        console.print()
        print_whole(_table(queue, queue.found.clips), console)
        console.print()
        _print_cost(queue, queue.found.clips, console)
    for failure in queue.failures:
        say(console, "failed", f"{failure.subject} ({failure.stage}): {failure.error}", style="red")
    if queue.files is not None:
        say(console, "table", str(queue.files.csv))
        say(console, "project", str(queue.files.boris))
        name = queue.behavior.name
        say(
            console,
            "next",
            f"open the project in BORIS and annotate {name} in the stretches called {REVIEW}; delete those that you "
            f"leave out, save, and run nsp queue with --reviewed {queue.files.boris}",
        )
        say(
            console,
            "then",
            "name the file that it writes as labels of these recordings in the study, with format = "
            '"boris-project" (or "auto") under [labels], and role = "train" where it was infer',
        )


def print_reviewed(path: Path, n_clips: int, behavior: Behavior, console: Console) -> None:
    """Print what became of an annotated queue."""
    told = f"{counted(n_clips, 'clip')} of {path.name} now count as observed for {behavior.name}"
    say(console, "counted", told)
    say(console, "project", str(path))
    say(
        console, "then", 'name it as labels of its recordings, with format = "boris-project" (or "auto") under [labels]'
    )


def print_simulation(simulation: QueueSimulation, console: Console) -> None:
    """Print what clips of the queue and random ones bought, at four points of the way and as time to the same score."""
    for failure in simulation.failures:
        say(console, "failed", f"{failure.subject} ({failure.stage}): {failure.error}", style="red")
    if simulation.rounds is None:
        return
    print_whole(_simulation_table(simulation.rounds), console)
    console.print()
    say(console, "verdict", _simulation_verdict(simulation.rounds))
    say(console, "table", str(simulation.csv))
    say(console, "picture", str(simulation.png))


def _simulation_table(rounds: pd.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("annotator s", "proposed clips: F1", "AP", "random clips: F1", "AP"):
        table.add_column(name, justify="right", no_wrap=True)
    for cost_s in np.linspace(rounds["cost_s"].min(), rounds["cost_s"].max(), SHOWN_POINTS):
        cells = [f"{cost_s:.0f}"]
        for policy in ("active", "random"):
            last = _last_until(rounds[rounds["policy"] == policy], cost_s)
            cells += [_mean_and_range(last["f1"]), f"{last['ap'].mean():.3f}"]
        table.add_row(*cells)
    return table


def _last_until(runs: pd.DataFrame, cost_s: float) -> pd.DataFrame:
    """Return the last round of each run that costs no more; the first where there is none."""
    return pd.DataFrame(
        [own[own["cost_s"] <= max(cost_s, own["cost_s"].min())].iloc[-1] for _, own in runs.groupby("seed")]
    )


def _mean_and_range(values: pd.Series) -> str:
    return f"{values.mean():.3f} [{values.min():.3f} {values.max():.3f}]"


def _simulation_verdict(rounds: pd.DataFrame) -> str:
    """Return how long either way takes to the score that random clips end with."""
    ends = _last_until(rounds[rounds["policy"] == "random"], math.inf)["f1"].mean()
    reached = time_to_reach(rounds, ends)
    active, at_random = reached["active"], reached["random"]
    told = f"F1 {ends:.3f}, which random clips end with on average, "
    if math.isnan(active):
        return told + "is not reached by proposed clips in every run"
    if math.isnan(at_random):
        return told + f"is reached after {active:.0f} s with proposed clips, and with random ones not in every run"
    return told + f"is reached after {active:.0f} s with proposed clips and {at_random:.0f} s with random ones"


def _print_basis(queue: ClipQueue, found: FoundClips, console: Console) -> None:
    if not found.functions:
        told = f"too few labels for labeling functions ({found.too_few}): clips are random, of all recordings and kinds"
        say(console, "note", told, style="yellow")
        return
    if found.share is not None and not queue.share_is_stated:
        told = (
            f"{queue.behavior.name} is taken to be in {100 * found.share:.2g} % of all frames, as in the labeled ones; "
            "bouts that were chosen overstate it: state it with --share"
        )
        say(console, "note", told, style="yellow")
    bouts = counted(found.n_bouts, "annotated bout")
    say(console, "by", f"{counted(len(found.functions), 'labeling function')} found from {bouts}, such as")
    console.print(Text(f"        {found.functions[0]}"), soft_wrap=True)


def _print_cost(queue: ClipQueue, clips: tuple[ProposedClip, ...], console: Console) -> None:
    video_s = sum((clip.stop_frame - clip.start_frame) / queue.fps[clip.recording] for clip in clips)
    cost_s = annotation_cost_s(clips, queue.fps)
    console.print(
        f"{counted(len(clips), 'clip')}, {video_s:.0f} s of video; about {cost_s:.0f} s to annotate, if a second of "
        f"video takes {SECONDS_PER_VIDEO_SECOND:g} s, a bout {SECONDS_PER_BOUT:g} s, and a clip has one",
        highlight=False,
        soft_wrap=True,
    )


def _table(queue: ClipQueue, clips: tuple[ProposedClip, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("recording", "from", "to", "whom", "why"):
        table.add_column(name, no_wrap=True)
    table.add_column("score", justify="right")
    for clip in clips:
        fps = queue.fps[clip.recording]
        whom = ", ".join(name for name in (clip.individual, clip.target) if name is not None)
        score = "-" if clip.score is None else f"{clip.score:.3f}"
        # Text, not markup: a recording may be called run[2].
        table.add_row(*map(Text, (clip.recording, *clip_times(clip, fps), whom, clip.why, score)))
    return table
