"""Labels for all recordings of a study from a few annotated bouts; every finished piece is kept and found again.

From what programs say of held-out folds (:mod:`nsp_adapters.weak_folds`) it is decided whether weak labels are kept.
Then ``<out>/weak/<behavior>/`` holds

- ``bouts.csv``, ``bouts.parquet`` and ``frames.parquet``: ethogram tables of what frames probably are, annotated or
  not, with the label model's probability;
- ``functions.csv``: the labeling functions and how they vote;
- ``program.json``: the program learned from annotated frames and, if they help, weak labels;
- ``summary.json``: all figures of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nsp_adapters.atomic import write_json
from nsp_adapters.manifest import software_version
from nsp_adapters.programs import write_program
from nsp_adapters.recordings import ParticipantSequence
from nsp_adapters.synthesis import unbeaten_baselines
from nsp_adapters.tables import assemble, write_part, write_table_csv
from nsp_adapters.weak_folds import VARIANTS, read_gold_fold
from nsp_adapters.weak_job import WeakLabelJob, job_key, judging_participants, labeled_participants
from nsp_core.ethogram.tables import bout_table, concat_bouts, frame_table
from nsp_core.evaluate.bootstrap import scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions, FrameScores, as_json
from nsp_core.labels import UNLABELED
from nsp_core.program import ProgramArtifact
from nsp_core.provenance import digest
from nsp_core.rng import stream
from nsp_core.search.beam import SearchProgress
from nsp_core.search.compare import baseline_scores, program_scores
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.study import study_digest
from nsp_core.weak.few_bouts import annotated_bouts, weighted_to_balance
from nsp_core.weak.label_model import LabelModelResult
from nsp_core.weak.labeling import LabelingFunction
from nsp_core.weak.weak_labels import WeakLabels, label_weakly
from nsp_core.weak.with_and_without import FoldPredictions, WithAndWithout, with_and_without

__all__ = ["WeakLabelFiles", "label_recordings"]

Report = Callable[[SearchProgress], None]


@dataclass(frozen=True, slots=True)
class WeakLabelFiles:
    """What came out for one behavior, and its figures as they stand in ``summary``."""

    bouts_csv: Path
    frames_parquet: Path
    functions_csv: Path
    program: Path
    summary: Path

    def figures(self) -> dict[str, Any]:
        """Return the content of ``summary``."""
        figures: dict[str, Any] = json.loads(self.summary.read_text(encoding="utf-8"))
        return figures


def label_recordings(
    job: WeakLabelJob, folds: Sequence[Path], *, report: Report = lambda progress: None
) -> WeakLabelFiles:
    """Label all frames, decide by ``folds`` whether that helps, learn the program, and write it all.

    What was made from the very same pieces is kept.

    Raises
    ------
    LabelError
        As :func:`nsp_core.weak.weak_labels.label_weakly`.
    """
    folder = job.folder
    files = WeakLabelFiles(
        folder / "bouts.csv",
        folder / "frames.parquet",
        folder / "functions.csv",
        folder / "program.json",
        folder / "summary.json",
    )
    made_from = digest(study_digest(job.study), job_key(job), job_key(job, ("test",)), [path.name for path in folds])
    if files.summary.is_file() and files.figures().get("made_from") == made_from:
        return files
    labeled = labeled_participants(job)
    judged = [read_gold_fold(path) for path in folds]
    verdict = with_and_without(judged)
    weak = label_weakly([each.sequence for each in labeled], job.balance, seed=job.seed, report=report)
    artifact = _learned(job, labeled, weak, judged, verdict, report)
    _write_tables(job, labeled, weak)
    write_table_csv(files.functions_csv, _function_table(weak.functions.functions, weak.model))
    write_program(files.program, artifact)
    # Last, for it says that all the others are there.
    write_json(files.summary, {"made_from": made_from, **_summary(job, labeled, weak, judged, verdict, artifact)})
    return files


def _learned(
    job: WeakLabelJob,
    labeled: Sequence[ParticipantSequence],
    weak: WeakLabels,
    judged: Sequence[FoldPredictions],
    verdict: WithAndWithout,
    report: Report,
) -> ProgramArtifact:
    """Return the program, with its scores on held-out annotated frames beside those of baselines on the same."""
    gold = weighted_to_balance([each.sequence for each in labeled], job.balance.share)
    found = synthesize_sequences(
        weak.sequences if verdict.helps else gold,
        seed=job.seed,
        max_complexity=job.study.search.max_complexity,
        report=report,
    )
    tested, not_judged = judging_participants(job, gold[0].names)
    splits = {"test": [each.sequence for each in tested]} if tested else {}
    kept = [each for one in judged for each in (one.with_weak if verdict.helps else one.without)]
    scores = {"program": {"validation": _with_intervals(kept, job.seed)}}
    scores["program"] |= program_scores(found.best.program, splits, seed=job.seed)
    scores |= baseline_scores(gold, splits, seed=job.seed)
    plain = as_json(scores, seed=job.seed)
    return ProgramArtifact(
        behavior=job.behavior,
        condition=found.best.program,
        roles=job.study.roles,
        cleaning=job.study.cleaning,
        length_reference=job.study.length_reference,
        provenance={
            "study": job.study.name,
            "study_digest": study_digest(job.study),
            "seed": job.seed,
            "software_version": software_version(),
            "learned_from": "annotated frames and weak labels" if verdict.helps else "annotated frames",
            "n_bouts": len(annotated_bouts(gold)),
            "class_balance": asdict(job.balance),
            "beats_baselines": not unbeaten_baselines(plain),
            "not_judged": list(not_judged),
        },
        scores=plain,
    )


def _with_intervals(predicted: Sequence[FramePredictions], seed: int) -> FrameScores:
    return scores_with_intervals(predicted, generator=stream(seed, "weak", "intervals"))


def _summary(
    job: WeakLabelJob,
    labeled: Sequence[ParticipantSequence],
    weak: WeakLabels,
    judged: Sequence[FoldPredictions],
    verdict: WithAndWithout,
    artifact: ProgramArtifact,
) -> dict[str, Any]:
    sequences = [each.sequence for each in labeled]
    held_out = {name: [each for one in judged for each in getattr(one, name)] for name in VARIANTS}
    scores = {name: {"held_out": _with_intervals(predicted, job.seed)} for name, predicted in held_out.items()}
    model = weak.model
    return {
        "behavior": job.behavior.name,
        "balance": asdict(job.balance),
        "n_bouts": len(annotated_bouts(sequences)),
        "annotated_s": _seconds(labeled, annotated=True),
        "recorded_s": _seconds(labeled, annotated=False),
        "scores": as_json(scores, seed=job.seed),
        "helps": verdict.helps,
        "program": artifact.text,
        "beats_baselines": artifact.provenance["beats_baselines"],
        "functions": list(model.functions),
        "dropped": list(model.dropped),
        "clusters": [list(cluster) for cluster in model.clusters],
        "mean_bout_s": model.mean_bout_s,
        "calibration": model.calibration.method,
        "flipped_share": model.flipped_share,
        "notes": [*model.notes, *_about_test(artifact.provenance["not_judged"])],
    }


def _about_test(not_judged: Sequence[str]) -> list[str]:
    if not not_judged:
        return []
    lack = "lack features that the others have and are"
    return [f"Test recordings {', '.join(not_judged)} {lack} not judged by: compute the same for all recordings."]


def _seconds(labeled: Sequence[ParticipantSequence], *, annotated: bool) -> float:
    """Return seconds of video, or those that a person annotated; animals and dyads seen at the same time count once."""
    frames: dict[str, NDArray[np.bool_]] = {}
    fps = {}
    for each in labeled:
        name = each.entry.name
        own = each.sequence.gold_states != UNLABELED if annotated else np.ones(each.sequence.states.size, dtype=bool)
        frames[name] = own | frames[name] if name in frames else own
        fps[name] = each.entry.fps
    return float(sum(own.sum() / fps[name] for name, own in frames.items()))


def _function_table(functions: Sequence[LabelingFunction], model: LabelModelResult) -> pd.DataFrame:
    """Return one row per labeling function that votes, the best first, with how it votes given the state."""
    names = [f"function {place + 1}" for place in range(len(functions))]
    rates = {one.function: one for one in model.rates}
    rows = [
        {
            "function": name,
            "program": function.text,
            "held_out_f1": function.f1,
            "held_out_ap": function.ap,
            "abstains_within": function.margin,
            "present_found": float(rates[name].rates[1, 2]),
            "present_abstained": float(rates[name].rates[1, 0]),
            "false_alarms": float(rates[name].rates[0, 2]),
            "absent_abstained": float(rates[name].rates[0, 0]),
            "skill": rates[name].skill,
            "weight": rates[name].weight,
        }
        for name, function in zip(names, functions, strict=True)
        if name in rates
    ]
    return pd.DataFrame(rows)


def _write_tables(job: WeakLabelJob, labeled: Sequence[ParticipantSequence], weak: WeakLabels) -> None:
    """Write what frames probably are: a person's state where there is one, else the label model's probability."""
    parts = []
    for name in dict.fromkeys(each.entry.name for each in labeled):
        bouts, frames = [], []
        for each, posterior in zip(labeled, weak.posteriors, strict=True):
            if each.entry.name != name:
                continue
            states = each.sequence.gold_states
            probability = np.where(states == UNLABELED, posterior.probability, states).astype(np.float32)
            who = (name, each.individual, each.target, job.behavior.name)
            bouts.append(bout_table(*who, probability >= np.float32(0.5), probability, each.entry.fps))
            frames.append(frame_table(*who, probability, each.entry.fps))
        key = digest(name, [frame["prob"].to_numpy().tobytes().hex() for frame in frames])
        parts.append(write_part(job.folder, name, key, concat_bouts(bouts), frames))
    assemble(parts, job.folder)
