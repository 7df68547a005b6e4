"""``nsp agreement``: its options, and what it does with them.

Nothing heavy is imported at start-up, as in :mod:`nsp_flows.cli`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from nsp_flows.agreement import AgreementOutcome
    from nsp_flows.annotator_rule import RuleComparison

__all__ = ["agreement"]

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILES...", help="annotation files in any known format; with --study: default, the study's"),
]
Fps = Annotated[float | None, typer.Option("--fps", help="frames per second of the videos; a study says it")]
Behaviors = Annotated[list[str] | None, typer.Option("--behavior", help="only this one; default: all")]
Annotators = Annotated[list[str] | None, typer.Option("--annotator", help="only this one; default: all")]
Length = Annotated[int | None, typer.Option("--n-frames", min=1, help="length of every recording; poses tell it")]
SourceFormat = Annotated[
    str | None, typer.Option("--from", metavar="FORMAT", help="format to read; default: by the content")
]
LookedFor = Annotated[
    list[str] | None, typer.Option("--looked-for", metavar="NAME", help="behavior that was looked for and not seen")
]
AnnotatorsOf = Annotated[
    str | None, typer.Option("--annotators-of", metavar="BEHAVIOR", help="columns of a table are its annotators")
]
SameRecording = Annotated[
    bool, typer.Option("--same-recording", help="all files are of one recording, whatever they call it")
]
Overlap = Annotated[float, typer.Option("--overlap", help="least share of two bouts that both have to match")]
RuleFile = Annotated[
    Path | None, typer.Option("--rule", metavar="RULE.nsp", help="rule to fit to each annotator; needs --study")
]
StudyFile = Annotated[
    Path | None, typer.Option("--study", metavar="STUDY.toml", help="the study whose poses a rule is fitted on")
]
Halves = Annotated[
    int, typer.Option("--halves", min=0, help="halves of the frames that tell how sure a rule's constants are")
]
Workers = Annotated[int, typer.Option("--workers", min=1, help="processes that work at the same time on a rule")]
OutFolder = Annotated[Path | None, typer.Option("--out", help="folder for the tables; with a rule, also for features")]
ConsensusFile = Annotated[
    Path | None, typer.Option("--consensus", metavar="OUT", help="file for what most say: .csv, .boris, ...")
]
ConsensusFormat = Annotated[
    str | None, typer.Option("--as", metavar="FORMAT", help="format of that file; default: by its ending")
]
Unanimous = Annotated[bool, typer.Option("--unanimous", help="consensus only where all say the same")]


@dataclass(frozen=True, slots=True)
class _Reading:
    """How annotation files are read, and which annotators are taken."""

    format: str | None
    annotators: tuple[str, ...]
    annotators_of: str | None
    same_recording: bool


@dataclass(frozen=True, slots=True)
class _Given:
    """What is compared, as it was given."""

    files: tuple[Path, ...]
    fps: float | None
    behaviors: tuple[str, ...]
    n_frames: int | None
    looked_for: tuple[str, ...]
    overlap: float
    reading: _Reading


def agreement(
    files: Files = None,
    fps: Fps = None,
    behavior: Behaviors = None,
    annotator: Annotators = None,
    n_frames: Length = None,
    source_format: SourceFormat = None,
    looked_for: LookedFor = None,
    annotators_of: AnnotatorsOf = None,
    same_recording: SameRecording = False,
    overlap: Overlap = 0.25,
    rule: RuleFile = None,
    study: StudyFile = None,
    halves: Halves = 20,
    workers: Workers = 2,
    out: OutFolder = None,
    consensus: ConsensusFile = None,
    consensus_format: ConsensusFormat = None,
    unanimous: Unanimous = False,
) -> None:
    """Compare annotators of the same recordings: kappa, bouts, who starts earlier; and write what most of them say.

    With --rule and --study: also fit one rule to each annotator, and say in its constants how they differ.
    """
    from rich.console import Console

    from nsp_flows import agreement as annotators
    from nsp_flows.agreement_report import print_agreement, print_consensus

    if consensus is not None:
        annotators.consensus_format(consensus, consensus_format)
    reading = _Reading(source_format, tuple(annotator or ()), annotators_of, same_recording)
    given = _Given(tuple(files or ()), fps, tuple(behavior or ()), n_frames, tuple(looked_for or ()), overlap, reading)
    console = Console()
    by_rule = _by_rule(given, rule, study, halves, workers, out)
    outcome = _compared(given) if by_rule is None else by_rule.agreement
    if outcome is not None:
        print_agreement(outcome, console)
    if by_rule is not None:
        _tell(by_rule, console)
    if out is not None:
        _write(outcome, by_rule, out)
    if consensus is not None and outcome is not None:
        written = annotators.write_consensus(
            outcome, consensus, format=consensus_format, n_frames=n_frames, unanimous=unanimous
        )
        print_consensus(written, console)
    if by_rule is not None:
        raise typer.Exit(by_rule.exit_code)


def _compared(given: _Given) -> AgreementOutcome:
    """Return how far annotators agree in annotation files alone."""
    from rich.console import Console

    from nsp_core.errors import FormatError, LabelError
    from nsp_flows.agreement import measure_agreement
    from nsp_flows.agreement_files import read_annotations

    if not given.files:
        raise LabelError(
            found="no annotation file",
            expected="the files of two or more annotators",
            where="FILES",
            remedy="name them, or a study that names them with --study and a rule with --rule",
        )
    if given.fps is None:
        raise FormatError(
            found="no frame rate",
            expected="the frames per second of the videos",
            where="--fps",
            remedy="state it, as --fps 30",
        )
    with Console(stderr=True).status("compare annotators"):
        annotations = read_annotations(
            given.files,
            fps=given.fps,
            format=given.reading.format,
            n_frames=given.n_frames,
            looked_for=given.looked_for,
            annotators=given.reading.annotators,
            annotators_of=given.reading.annotators_of,
            same_recording=given.reading.same_recording,
        )
        return measure_agreement(annotations, fps=given.fps, behaviors=given.behaviors, overlap=given.overlap)


def _by_rule(
    given: _Given, rule: Path | None, study: Path | None, halves: int, workers: int, out: Path | None
) -> RuleComparison | None:
    """Return what a rule says of annotators; None where neither a rule nor a study was given."""
    if rule is None and study is None:
        return None
    from nsp_adapters.study import read_study
    from nsp_flows.annotator_rule import compare_by_rule
    from nsp_flows.annotator_sources import FileOptions

    rule_file, study_file = _both(given, rule, study)
    reading = given.reading
    return compare_by_rule(
        rule_file,
        read_study(study_file, environment=os.environ),
        given.files,
        behavior_name=given.behaviors[0] if given.behaviors else None,
        options=FileOptions(reading.format, reading.annotators, reading.annotators_of, reading.same_recording),
        overlap=given.overlap,
        n_refits=halves,
        out=out,
        n_workers=workers,
    )


def _tell(by_rule: RuleComparison, console: Console) -> None:
    from nsp_flows.annotator_rule_report import print_rule_comparison

    print_rule_comparison(by_rule, console)


def _write(outcome: AgreementOutcome | None, by_rule: RuleComparison | None, out: Path) -> None:
    """Write all there is into ``out``, and print what was written."""
    paths: list[Path] = []
    if outcome is not None:
        from nsp_flows.agreement import write_agreement

        paths += write_agreement(outcome, out)
    if by_rule is not None:
        from nsp_flows.annotator_rule_report import write_rule_comparison

        paths += write_rule_comparison(by_rule, out)
    for path in paths:
        typer.echo(f"{'account' if path.suffix == '.md' else 'table'} {path}")


def _both(given: _Given, rule: Path | None, study: Path | None) -> tuple[Path, Path]:
    """Return rule and study, once it is known that both were given and nothing that contradicts the study.

    Raises
    ------
    StudyError
        If one is missing, an option says what the study does, or several behaviors are named.
    """
    from nsp_core.errors import StudyError

    if rule is None or study is None:
        raise StudyError(
            found="a study and no rule" if rule is None else "a rule and no study",
            expected="a rule, and a study whose poses it is fitted on",
            where="--study" if rule is None else "--rule",
            remedy="name it with --rule RULE.nsp" if rule is None else "name it with --study STUDY.toml",
        )
    stated = {"--fps": given.fps, "--n-frames": given.n_frames, "--looked-for": given.looked_for or None}
    beside = [option for option, value in stated.items() if value is not None]
    if beside:
        raise StudyError(
            found=f"{', '.join(beside)} beside a study",
            expected="frame rate and behaviors as the study has them, lengths as its poses have them",
            where="--study",
            remedy=f"leave out {', '.join(beside)}",
        )
    if len(given.behaviors) > 1:
        raise StudyError(
            found=f"{len(given.behaviors)} behaviors, {', '.join(given.behaviors)}",
            expected="the one that the rule recognizes",
            where="--behavior",
            remedy="name one, and fit another rule to the other",
        )
    return rule, study
