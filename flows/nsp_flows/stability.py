"""How stable a study's programs are: each search again with other seeds, other recordings and noisier poses.

The searches of all behaviors run in one pool of processes, with live progress; then jittered poses are given to the
program that the unperturbed search found, and what all runs say of the same recordings is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nsp_adapters.outputs import Failure, sweep_outputs
from nsp_adapters.recordings import PreparedRecording, extract_recording
from nsp_adapters.stability import (
    jitter_ethogram,
    read_report,
    report_stability,
    search_perturbed,
    sweep_stability,
    write_markdown,
)
from nsp_core.errors import StudyError
from nsp_core.features.lookup import closest_match
from nsp_core.labels import Behavior
from nsp_core.search.beam import SearchProgress
from nsp_core.search.perturb import Perturbation, StabilitySettings
from nsp_core.study import Study
from nsp_flows.jobs import Run, running, with_labels

__all__ = ["StabilityOutcome", "measure_stability", "print_stability", "stability_markdown"]

KIND_NAMES = {"seed": "other seeds", "bootstrap": "bootstraps", "jitter": "jitter"}
# Key in the report, what it is called in tables, and how its numbers are written.
MEASURES = (
    ("kappa", "kappa with the reference", ".2f"),
    ("kappa_among", "kappa with each other", ".2f"),
    ("share_decided", "frames both decide", ".2f"),
    ("features", "features as the reference", ".2f"),
    ("windowed_features", "... with their windows", ".2f"),
    ("features_among", "features as each other", ".2f"),
    ("windowed_features_among", "... with their windows", ".2f"),
    ("complexity", "complexity", ".3g"),
    ("complexity_difference", "... off the reference", ".3g"),
    ("f1", "held-out F1", ".2f"),
)
Rows = list[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class StabilityOutcome:
    """What was measured.

    Attributes
    ----------
    reports
        Content of the report of every behavior of which there is one, by its path.
    failures
        Recordings and behaviors that could not be done.
    notes
        What a reader of any result of the study must know.
    """

    reports: Mapping[Path, Mapping[str, Any]]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed."""
        return 1 if self.failures else 0


def measure_stability(
    study: Study,
    out: Path,
    settings: StabilitySettings,
    *,
    behaviors: Sequence[str] = (),
    n_workers: int = 2,
    console: Console | None = None,
) -> StabilityOutcome:
    """Leave a report per behavior in ``out/stability``; what is there and up to date is kept.

    Parameters
    ----------
    study
        What to search.
    out
        Output folder; features are shared with a run of the study in the same folder.
    settings
        How often and how searches are repeated.
    behaviors
        Names; all of the study if none is given.
    n_workers
        Processes that work at the same time.
    console
        Where progress is shown.

    Raises
    ------
    StudyError
        If a behavior is unknown, or no recording trains or validates.
    OutputError
        If ``out`` cannot be written.
    """
    chosen = _chosen_behaviors(study, behaviors)
    sweep_outputs(out)
    sweep_stability(out)
    with running(study, out, n_workers, console or Console(stderr=True)) as run:
        recordings = _usable_recordings(run)
        searches = _search_all(run, chosen, settings, recordings)
        moved = _jitter_all(run, searches, settings, recordings)
        reports: list[Path] = run.each(
            "compare ethograms",
            [
                (
                    behavior.name,
                    report_stability,
                    (study, behavior, list(pieces.values()), moved.get(behavior, []), recordings, out),
                )
                for behavior, pieces in searches.items()
            ],
        )
        contents = {path: read_report(path) for path in reports}
        for path, values in contents.items():
            write_markdown(path, stability_markdown(values))
    return StabilityOutcome(contents, tuple(dict.fromkeys(run.failures)), study.loud_notes)


def print_stability(outcome: StabilityOutcome, console: Console) -> None:
    """Print every report as tables, then what failed, for a person at a terminal."""
    for note in outcome.notes:
        console.print(Text.assemble(("note ", "yellow"), note), soft_wrap=True)
    for path, values in outcome.reports.items():
        console.print(f"\n{values['behavior']}", style="bold", markup=False, highlight=False)
        console.print(Padding(values["reference"]["program"], (0, 0, 0, 2)), markup=False, highlight=False)
        for header, rows in _tables(values):
            console.print()
            console.print(_rich_table(header, rows))
        console.print(f"\nreport     {path}  (and .md)", markup=False, highlight=False, soft_wrap=True)
    for failure in outcome.failures:
        console.print("failed ", style="red", end="")
        told = f"{failure.subject} ({failure.stage}): {failure.error}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)


def stability_markdown(values: Mapping[str, Any]) -> str:
    """Return a report as Markdown: what to make of it, its tables, and every program that was found."""
    lines = [
        f"# Stability of {values['behavior']}",
        "",
        f"The search was repeated beside a reference run with seed {values['reference_seed']}. What the programs say "
        f"of the recordings {', '.join(values['compared_on'])} is compared by Cohen's kappa over the frames that both "
        "decide, what they are made of by the Jaccard index of their features. Mean [lowest highest].",
        "",
        "```",
        values["reference"]["program"],
        "```",
    ]
    for header, rows in _tables(values):
        lines += ["", *_markdown_table(header, rows)]
    header = ("run", "kappa", "features", "complexity", "held-out F1", "program")
    rows = [
        (
            one["label"], _number(one["kappa"]), _number(one["features"]), str(one["complexity"]), _number(one["f1"]),
            f"`{one['program']}`",
        )
        for one in (values["reference"], *values["runs"])
    ]  # fmt: skip
    return "\n".join([*lines, "", *_markdown_table(header, rows)]) + "\n"


def _chosen_behaviors(study: Study, names: Sequence[str]) -> tuple[Behavior, ...]:
    known = [behavior.name for behavior in study.behaviors]
    for name in names:
        if name not in known:
            raise StudyError(
                found=f"the behavior '{name}'",
                expected=f"one of {', '.join(known)}",
                where="--behavior",
                remedy=closest_match(name, known) or "name a behavior of the study",
            )
    if not any(entry.label_path for entry in study.of_role("train", "validation")):
        raise StudyError(
            found="no labeled recording of the role train",
            expected="labels to search with",
            where=study.name,
            remedy="name labels in the study, and give a labeled recording the role train",
        )
    return tuple(behavior for behavior in study.behaviors if not names or behavior.name in names)


def _usable_recordings(run: Run) -> list[PreparedRecording]:
    """Return the recordings with their features, without those of which the labels are needed but cannot be read."""
    entries = run.study.of_role("train", "validation", "test")
    prepared: list[PreparedRecording] = run.each(
        "extract features",
        [(entry.name, extract_recording, (entry, run.study, run.out / "recordings")) for entry in entries],
    )
    tested = [one for one in prepared if one.entry.role == "test"]
    labeled: list[PreparedRecording] = run.each(
        "read labels",
        [(one.entry.name, with_labels, (one, run.study)) for one in prepared if one.entry.role != "test"],
    )
    return [*labeled, *tested]


def _search_all(
    run: Run, behaviors: Sequence[Behavior], settings: StabilitySettings, recordings: Sequence[PreparedRecording]
) -> dict[Behavior, dict[Perturbation, Path]]:
    """Return what was found by perturbation, the reference first; a behavior without a reference is left out."""
    perturbations = settings.perturbations(run.study.search.seeds)
    found = run.each(
        "search programs",
        [
            (behavior.name, _search_job, (run.study, behavior, perturbation, recordings, run.out, run.messages))
            for behavior in behaviors
            for perturbation in perturbations
        ],
    )
    pieces: dict[Behavior, dict[Perturbation, Path]] = {}
    for behavior, perturbation, path in found:
        pieces.setdefault(behavior, {})[perturbation] = path
    return {behavior: own for behavior, own in pieces.items() if perturbations[0] in own}


def _jitter_all(
    run: Run,
    searches: Mapping[Behavior, Mapping[Perturbation, Path]],
    settings: StabilitySettings,
    recordings: Sequence[PreparedRecording],
) -> dict[Behavior, list[Path]]:
    """Return how far jitter alone moves the ethogram of each reference, by behavior, the smallest jitter first."""
    done = run.each(
        "jitter poses",
        [
            (behavior.name, _jitter_job, (run.study, behavior, sigma_px, next(iter(own.values())), recordings, run.out))
            for behavior, own in searches.items()
            for sigma_px in sorted(settings.jitter_px)
        ],
    )
    moved: dict[Behavior, list[Path]] = {}
    for behavior, path in done:
        moved.setdefault(behavior, []).append(path)
    return moved


def _search_job(
    study: Study,
    behavior: Behavior,
    perturbation: Perturbation,
    recordings: Sequence[PreparedRecording],
    out: Path,
    messages: Queue[Any],
) -> tuple[Behavior, Perturbation, Path]:
    """Search once; runs in a worker process."""
    job = f"{behavior.name}, {perturbation.label}"

    def report(step: SearchProgress) -> None:
        messages.put((job, step))

    return behavior, perturbation, search_perturbed(study, behavior, perturbation, recordings, out, report=report)


def _jitter_job(
    study: Study,
    behavior: Behavior,
    sigma_px: float,
    reference: Path,
    recordings: Sequence[PreparedRecording],
    out: Path,
) -> tuple[Behavior, Path]:
    return behavior, jitter_ethogram(study, behavior, sigma_px, reference, recordings, out)


def _tables(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Rows]]:
    """Yield header and rows of the tables of a report: kinds of runs, jitter alone, thresholds."""
    kinds = values["kinds"]
    header = ("", *(KIND_NAMES[one["kind"]] for one in kinds))
    counts = [
        (name, *(str(one[key]) for one in kinds))
        for key, name in (("n_runs", "runs"), ("n_same_program", "the very same program"))
    ]
    yield header, [*counts, *((name, *(_spread(one[key], form) for one in kinds)) for key, name, form in MEASURES)]
    if values["reference_on_jittered_poses"]:
        yield (
            ("the reference program on jittered poses", "kappa", "frames alike", "frames both decide"),
            [
                (f"{one['jitter_px']:g} px", *(_number(one[key]) for key in ("kappa", "observed", "share_decided")))
                for one in values["reference_on_jittered_poses"]
            ],
        )
    if values["thresholds"]:
        yield (
            ("threshold", "runs", "median", "lowest .. highest", "range / softness"),
            [
                (
                    f"{one['quantity']} {one['relation']}", str(one["n_runs"]),
                    f"{one['median']:.3g} {one['unit']}".rstrip(), f"{one['low']:.3g} .. {one['high']:.3g}",
                    _number(one["spread_in_softness"]),
                )
                for one in values["thresholds"]
            ],
        )  # fmt: skip


def _spread(spread: Mapping[str, Any], form: str) -> str:
    if spread["n"] < 2:
        return _number(spread["mean"], form)
    mean, low, high = (_number(spread[key], form) for key in ("mean", "low", "high"))
    return f"{mean} [{low} {high}]"


def _number(value: float | None, form: str = ".2f") -> str:
    return "-" if value is None else format(value, form)


def _rich_table(header: tuple[str, ...], rows: Rows) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in header:
        table.add_column(name, no_wrap=True)
    for row in rows:
        # Text, not markup: speed[agent] holds no style.
        table.add_row(*map(Text, row))
    return table


def _markdown_table(header: tuple[str, ...], rows: Rows) -> list[str]:
    return [
        "| " + " | ".join(header) + " |",
        "|---" * len(header) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
