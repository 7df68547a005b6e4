"""How far the annotators of the same recordings agree, behavior by behavior, and what most of them say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nsp_adapters.annotations.write import choose_writer, write_annotation_file
from nsp_adapters.atomic import sweep_stale
from nsp_adapters.tables import write_table_csv
from nsp_core.errors import LabelError, OutputError
from nsp_core.evaluate.agreement_bouts import OVERLAP
from nsp_core.evaluate.agreement_timing import TimingDifference
from nsp_core.evaluate.annotators import annotated_behavior, behaviors_in_common
from nsp_core.evaluate.annotators_consensus import consensus_labels
from nsp_core.evaluate.annotators_summary import BehaviorAgreement, PairAgreement, annotator_agreement
from nsp_core.labels import RecordingLabels
from nsp_flows.agreement_files import Annotations

__all__ = [
    "AgreementOutcome",
    "Consensus",
    "consensus_format",
    "measure_agreement",
    "write_agreement",
    "write_consensus",
]

SEED = 0
ANNOTATORS, PAIRS, BEHAVIORS, ASSUMPTIONS = "annotators.csv", "pairs.csv", "behaviors.csv", "assumptions.csv"


@dataclass(frozen=True, slots=True)
class AgreementOutcome:
    """How far annotators agree.

    Attributes
    ----------
    annotations
        What was read.
    fps
        Frames per second.
    overlap
        Least intersection over union of two bouts that match.
    behaviors
        One entry per behavior.
    notes
        What was left out or compared otherwise than annotated.
    """

    annotations: Annotations
    fps: float
    overlap: float
    behaviors: tuple[BehaviorAgreement, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consensus:
    """A file of consensus labels: where, in which format, what it holds, and what was left out."""

    path: Path
    format: str
    labels: tuple[RecordingLabels, ...]
    left_out: tuple[str, ...]


def measure_agreement(
    annotations: Annotations, *, fps: float, behaviors: Sequence[str] = (), overlap: float = OVERLAP
) -> AgreementOutcome:
    """Return how far the annotators agree.

    Parameters
    ----------
    annotations
        What they say.
    fps
        Frames per second of all recordings.
    behaviors
        Only these. Default: all that two annotators looked for in the same recording.
    overlap
        Least intersection over union of two bouts that match.

    Raises
    ------
    LabelError
        If nobody, or one annotator only, looked for a behavior asked for, no two looked at the same frame, or there is
        no behavior that two looked for.
    """
    common = behaviors_in_common(annotations.labels)
    chosen = behaviors or [name for name, together in common.items() if together]
    if not chosen:
        raise LabelError(
            found=f"no behavior that two annotators looked for in a recording: {', '.join(common) or 'none at all'}",
            expected="at least one of the same name",
            where="annotators",
            remedy="call behaviors alike in all files, or say what was looked for and not seen with --looked-for",
        )
    found: list[BehaviorAgreement] = []
    notes: list[str] = []
    for behavior in dict.fromkeys(chosen):
        annotated = annotated_behavior(annotations.labels, behavior)
        notes += annotated.notes
        found.append(annotator_agreement(annotated, fps, seed=SEED, overlap=overlap))
    if not behaviors:
        notes += [f"{name}: no two annotators looked for it in a recording" for name in common if name not in chosen]
    notes += _on_points(annotations.labels, chosen)
    return AgreementOutcome(annotations, fps, overlap, tuple(found), tuple(notes))


def write_consensus(
    outcome: AgreementOutcome,
    path: Path,
    *,
    format: str | None = None,
    n_frames: int | None = None,
    unanimous: bool = False,
) -> Consensus:
    """Write what most annotators, or all, say of the behaviors that were compared.

    Parameters
    ----------
    outcome
        The labels and behaviors.
    path
        The file; ``.boris`` holds what was looked at, a bout csv does not.
    format
        Name of its format. Default: a bout csv for ``.csv``, else as the ending tells.
    n_frames
        Length of every recording.
    unanimous
        Whether frames on which anybody differs are unlabeled.

    Raises
    ------
    NspError
        As :func:`nsp_adapters.annotations.write.write_annotation_file`.
    OutputError
        Also if ``path`` is one of the files that were read.
    """
    chosen = consensus_format(path, format)
    if path.exists() and any(path.samefile(source) for source, _ in outcome.annotations.sources):
        raise OutputError(
            found="one of the annotation files",
            expected="another file: the annotations would be overwritten",
            where=str(path),
            remedy="give --consensus another name",
        )
    names = [one.behavior for one in outcome.behaviors]
    labels = consensus_labels(outcome.annotations.labels, names, unanimous=unanimous)
    left_out = write_annotation_file(path, labels, fps=outcome.fps, format=chosen, n_frames=n_frames)
    return Consensus(path, chosen, labels, left_out)


def consensus_format(path: Path, stated: str | None = None) -> str:
    """Return the format to write a consensus in.

    Raises
    ------
    FormatError, AmbiguousError
        As :func:`nsp_adapters.annotations.write.choose_writer`.
    """
    if stated is None and path.suffix == ".csv":
        stated = "bout-csv"
    return choose_writer(path, stated).name


def write_agreement(outcome: AgreementOutcome, out: Path) -> tuple[Path, ...]:
    """Write the tables into ``out``, each whole or not at all, and return their paths.

    ``annotators.csv`` (one row per behavior and annotator), ``pairs.csv`` (behavior and two annotators),
    ``behaviors.csv`` (behavior) and ``assumptions.csv`` (one sentence per row). An empty cell is an undefined value.

    Raises
    ------
    OutputError
        If ``out`` cannot be written.
    """
    sweep_stale(out)
    told = [*outcome.annotations.assumptions, *outcome.notes]
    tables = {
        ANNOTATORS: pd.DataFrame(_annotator_rows(outcome)),
        PAIRS: pd.DataFrame([_pair_row(one.behavior, pair) for one in outcome.behaviors for pair in one.pairs]),
        BEHAVIORS: pd.DataFrame(_behavior_rows(outcome)),
        ASSUMPTIONS: pd.DataFrame({"assumption": pd.Series(told, dtype="string")}),
    }
    for name, table in tables.items():
        write_table_csv(out / name, table)
    return tuple(out / name for name in tables)


def _annotator_rows(outcome: AgreementOutcome) -> list[dict[str, object]]:
    return [
        {
            "behavior": one.behavior,
            "annotator": share.annotator,
            "n_recordings": share.n_recordings,
            "observed_s": share.n_frames / outcome.fps,
            "present_s": share.n_present / outcome.fps,
            "prevalence": share.prevalence,
            "n_bouts": share.n_bouts,
        }
        for one in outcome.behaviors
        for share in one.annotators
    ]


def _pair_row(behavior: str, pair: PairAgreement) -> dict[str, object]:
    frames = pair.frames
    return {
        "behavior": behavior,
        "first": pair.first,
        "second": pair.second,
        "n_recordings": pair.n_recordings,
        "n_frames": frames.n_decided,
        "n_both_present": frames.both_present,
        "n_only_first": frames.only_first,
        "n_only_second": frames.only_second,
        "agreement": frames.observed,
        "agreement_by_chance": frames.expected,
        "kappa": frames.kappa,
        "kappa_low": pair.kappa_interval.low,
        "kappa_high": pair.kappa_interval.high,
        "n_bouts_first": pair.bouts.n_first,
        "n_bouts_second": pair.bouts.n_second,
        "n_bouts_matched": pair.bouts.n_matched,
        "bout_f1": pair.bouts.f1,
        "bout_f1_by_chance": pair.bout_f1_by_chance,
        **_timing("onset", pair.onset),
        **_timing("offset", pair.offset),
    }


def _timing(name: str, found: TimingDifference) -> dict[str, object]:
    return {
        f"{name}_first_minus_second_s": found.median_s,
        f"{name}_low_s": found.interval.low,
        f"{name}_high_s": found.interval.high,
        f"{name}_n_bouts": found.n,
        f"{name}_interval_over": found.drawn,
    }


def _behavior_rows(outcome: AgreementOutcome) -> list[dict[str, object]]:
    return [
        {
            "behavior": one.behavior,
            "n_annotators": len(one.annotators),
            "fleiss_kappa": one.fleiss_kappa,
            "fleiss_n_raters": one.n_raters,
            "fleiss_n_frames": one.n_frames_rated,
            "krippendorff_alpha": one.alpha,
            "alpha_n_frames": one.n_frames_twice,
        }
        for one in outcome.behaviors
    ]


def _on_points(labels: Iterable[RecordingLabels], behaviors: Sequence[str]) -> list[str]:
    n_points: dict[str, int] = {}
    for one in labels:
        for point in one.points:
            n_points[point.behavior] = n_points.get(point.behavior, 0) + 1
    return [
        f"{name}: {count} events without a duration are left out"
        for name, count in n_points.items()
        if name in behaviors
    ]
