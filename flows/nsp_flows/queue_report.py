"""What ``nsp queue`` prints: the clips, what they cost a person, and how what was annotated comes back."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsp_core.labels import Behavior
from nsp_core.weak.annotator_cost import SECONDS_PER_BOUT, SECONDS_PER_VIDEO_SECOND, annotation_cost_s
from nsp_core.weak.queue import ProposedClip
from nsp_flows.queue_clips import ClipQueue, FoundClips
from nsp_flows.queue_files import REVIEW, clip_times
from nsp_flows.telling import counted, print_whole, say

__all__ = ["print_queue", "print_reviewed"]


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
