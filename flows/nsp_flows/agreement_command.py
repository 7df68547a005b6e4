"""``nsp agreement``: its options, and what it does with them.

Nothing heavy is imported at start-up, as in :mod:`nsp_flows.cli`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["agreement"]


def agreement(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="annotation files in any known format")],
    fps: Annotated[float, typer.Option("--fps", help="frames per second of the videos")],
    behavior: Annotated[list[str] | None, typer.Option("--behavior", help="only this one; default: all")] = None,
    annotator: Annotated[list[str] | None, typer.Option("--annotator", help="only this one; default: all")] = None,
    n_frames: Annotated[int | None, typer.Option("--n-frames", min=1, help="length of every recording")] = None,
    source_format: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="format to read; default: by the content")
    ] = None,
    looked_for: Annotated[
        list[str] | None, typer.Option("--looked-for", metavar="NAME", help="behavior that was looked for and not seen")
    ] = None,
    annotators_of: Annotated[
        str | None, typer.Option("--annotators-of", metavar="BEHAVIOR", help="columns of a table are its annotators")
    ] = None,
    same_recording: Annotated[
        bool, typer.Option("--same-recording", help="all files are of one recording, whatever they call it")
    ] = False,
    overlap: Annotated[
        float, typer.Option("--overlap", help="least share of two bouts that both have to match")
    ] = 0.25,
    out: Annotated[Path | None, typer.Option("--out", help="folder for the figures as csv tables")] = None,
    consensus: Annotated[
        Path | None, typer.Option("--consensus", metavar="OUT", help="file for what most say: .csv, .boris, ...")
    ] = None,
    consensus_format: Annotated[
        str | None, typer.Option("--as", metavar="FORMAT", help="format of that file; default: by its ending")
    ] = None,
    unanimous: Annotated[bool, typer.Option("--unanimous", help="consensus only where all say the same")] = False,
) -> None:
    """Compare annotators of the same recordings: kappa, bouts, who starts earlier; and write what most of them say."""
    from rich.console import Console

    from nsp_flows import agreement as annotators
    from nsp_flows.agreement_files import read_annotations
    from nsp_flows.agreement_report import print_agreement, print_consensus

    if consensus is not None:
        annotators.consensus_format(consensus, consensus_format)
    with Console(stderr=True).status("compare annotators"):
        annotations = read_annotations(
            files,
            fps=fps,
            format=source_format,
            n_frames=n_frames,
            looked_for=looked_for or (),
            annotators=annotator or (),
            annotators_of=annotators_of,
            same_recording=same_recording,
        )
        outcome = annotators.measure_agreement(annotations, fps=fps, behaviors=behavior or (), overlap=overlap)
    console = Console()
    print_agreement(outcome, console)
    if out is not None:
        for path in annotators.write_agreement(outcome, out):
            typer.echo(f"table {path}")
    if consensus is not None:
        written = annotators.write_consensus(
            outcome, consensus, format=consensus_format, n_frames=n_frames, unanimous=unanimous
        )
        print_consensus(written, console)
