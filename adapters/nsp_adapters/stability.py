"""How stable the program of a behavior is: its search repeated under perturbations; every finished piece is kept.

::

    <out>/stability/runs/<behavior>-<run>-<key>.json           what one search found; the run is seed3, bootstrap1, ...
    <out>/stability/runs/<behavior>-poses-<jitter>-<key>.json  how far jitter alone moves the reference's ethogram
    <out>/stability/<behavior>.json                            the report over all of them, beside it <behavior>.md

Searches learn from the development recordings (roles ``train`` and ``validation``). What they found is compared on the
validation and test recordings as they are; no label of a test recording is ever read. Jitter is drawn once per
recording: a larger one is the same noise, only larger.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nsp_adapters.atomic import KEY_LENGTH, atomic_write_text, file_name, sweep_stale, write_json
from nsp_adapters.manifest import file_sha256, software_version
from nsp_adapters.recordings import (
    PreparedRecording,
    animals_needed,
    labeled_sequences,
    open_features,
    refer_features,
    tracked_poses,
)
from nsp_adapters.synthesis import out_of_time
from nsp_core import rng
from nsp_core.cleaning import clean_poses, require_usable
from nsp_core.dsl.ast import Condition, feature_names
from nsp_core.dsl.text import parse_program
from nsp_core.errors import LabelError
from nsp_core.evaluate.agreement import Agreement, agreement
from nsp_core.features import compute_features, feature_sequences
from nsp_core.labels import Behavior
from nsp_core.program import dsl_fingerprint
from nsp_core.provenance import CORE_VERSION, digest
from nsp_core.search.assess import ProgramScorer, predict_sequences
from nsp_core.search.beam import Budget, SearchProgress
from nsp_core.search.perturb import Perturbation, bootstrap_recordings, jitter_poses
from nsp_core.search.result import SynthesisResult
from nsp_core.search.stability import StabilityRun, as_json, stability_report
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import LabeledSequence, as_sequences
from nsp_core.study import RecordingRole, Study, study_digest

__all__ = [
    "jitter_ethogram",
    "read_report",
    "report_stability",
    "search_perturbed",
    "sweep_stability",
    "write_markdown",
]

REFERENCE_ROLES: tuple[RecordingRole, ...] = ("validation", "test")
_FOLDER, _RUNS = "stability", "runs"

Report = Callable[[SearchProgress], None]


def search_perturbed(
    study: Study,
    behavior: Behavior,
    perturbation: Perturbation,
    recordings: Sequence[PreparedRecording],
    out: Path,
    *,
    report: Report = lambda progress: None,
) -> Path:
    """Return the file with what a search under ``perturbation`` found, running it only if there is no such file yet.

    A search that the study's ``budget_s`` cut short returns a file of its own, ``.partial.json``, and is run again.

    Raises
    ------
    LabelError
        If no development recording is usable, or these lack one of the two classes.
    """
    learned_from = [one for one in recordings if one.entry.role in ("train", "validation")]
    # How long the search may take matters only where it ends the search: what is found then is not kept.
    search = replace(study.search, seeds=(_seed(study, perturbation),), budget_s=None)
    made_from: list[object] = [perturbation, study.labels, search, [_labeled_input(one) for one in learned_from]]
    if perturbation.kind == "jitter":
        made_from.append([_pose_input(one, study) for one in learned_from])
    path = _piece(behavior, perturbation.label, made_from, out)
    if path.is_file():
        return path
    result = _search(study, behavior, perturbation, learned_from, report)
    found = {
        "behavior": behavior.name,
        "kind": perturbation.kind,
        "level": perturbation.level,
        "program": result.best.text,
        "held_out_f1": round(result.best.validation.f1, 4),
        "stopped_because": result.stopped_because,
        "n_candidates": result.n_candidates,
    }
    # What a stopped clock allowed is not what the study asked for: it is returned, but a rerun searches again.
    complete = result.stopped_because != "asked to stop"
    return write_json(path if complete else path.with_suffix(".partial.json"), found)


def jitter_ethogram(
    study: Study,
    behavior: Behavior,
    sigma_px: float,
    reference: Path,
    recordings: Sequence[PreparedRecording],
    out: Path,
) -> Path:
    """Return the file with how far jittered poses alone move the ethogram of one program.

    Parameters
    ----------
    study, behavior
        Whose program it is.
    sigma_px
        Standard deviation of the jitter in pixels.
    reference
        What :func:`search_perturbed` returned: its program is run as it is.
    recordings
        Those of the study; the program is run on the validation and test recordings among them.
    out
        Output folder.
    """
    compared = _reference_recordings(recordings)
    text = _read_json(reference)["program"]
    program = parse_program(text)
    features = _catalog_names(program)
    inputs = [[one.entry.name, refer_features(one, features).digest, _pose_input(one, study)] for one in compared]
    path = _piece(behavior, f"poses-jitter {sigma_px:g} px", [text, sigma_px, study.search.seeds[0], inputs], out)
    if path.is_file():
        return path
    total = Agreement()
    for one in compared:
        jittered = _jittered_features(one, study, sigma_px, features)
        as_it_is, moved = (
            predict_sequences(program, as_sequences(feature_sequences(source, behavior.kind), None))
            for source in (open_features(one, features), jittered)
        )
        for before, after in zip(as_it_is, moved, strict=True):
            total += agreement(before.states, after.states)
    shares = {"kappa": total.kappa, "observed": total.observed, "share_decided": total.share_decided}
    known = {name: None if math.isnan(share) else share for name, share in shares.items()}
    return write_json(path, {"jitter_px": sigma_px, "program": text, **known})


def report_stability(
    study: Study,
    behavior: Behavior,
    searches: Sequence[Path],
    moved: Sequence[Path],
    recordings: Sequence[PreparedRecording],
    out: Path,
) -> Path:
    """Return the report over ``searches``, the reference first, and over what jitter ``moved``.

    A report made from the very same pieces and recordings is kept.
    """
    compared = _reference_recordings(recordings)
    path = out / _FOLDER / f"{file_name(behavior.name)}.json"
    inputs = [_input(one) for one in compared]
    made_from = digest(CORE_VERSION, study_digest(study), [piece.name for piece in (*searches, *moved)], inputs)
    # The name of a partial piece does not tell what is in it.
    partial = any(piece.name.endswith(".partial.json") for piece in searches)
    if path.is_file() and not partial and _read_json(path).get("made_from") == made_from:
        return path
    found = [_read_json(piece) for piece in searches]
    scorer = ProgramScorer(_reference_sequences(behavior, compared))
    reference, *runs = [_run(one, scorer) for one in found]
    values = {
        "study": study.name,
        "behavior": behavior.name,
        "compared_on": [one.entry.name for one in compared],
        "reference_seed": int(reference.perturbation.level),
        **as_json(stability_report(reference, runs)),
        "reference_on_jittered_poses": [
            {name: value for name, value in _read_json(piece).items() if name != "program"} for piece in moved
        ],
        "software_version": software_version(),
        "study_digest": study_digest(study),
        "made_from": made_from,
    }
    return write_json(path, values)


def read_report(path: Path) -> dict[str, Any]:
    """Return what :func:`report_stability` wrote, plain values."""
    return _read_json(path)


def write_markdown(report: Path, text: str) -> Path:
    """Write ``text`` beside a report and return its path."""
    path = report.with_suffix(".md")
    atomic_write_text(path, text)
    return path


def sweep_stability(out: Path) -> None:
    """Remove the temporaries that dead runs left in the folders of this module."""
    for folder in (out / _FOLDER, out / _FOLDER / _RUNS):
        sweep_stale(folder)


def _search(
    study: Study,
    behavior: Behavior,
    perturbation: Perturbation,
    recordings: Sequence[PreparedRecording],
    report: Report,
) -> SynthesisResult:
    jitter_px = perturbation.level if perturbation.kind == "jitter" else None
    development = [sequence for one in recordings for sequence in _sequences(study, behavior, one, jitter_px)]
    _require_usable_recordings(behavior, development)
    seed = _seed(study, perturbation)
    if perturbation.kind == "bootstrap":
        development = list(bootstrap_recordings(development, rng.stream(seed, "stability", perturbation.label)))
    return synthesize_sequences(
        development,
        seed=seed,
        max_complexity=study.search.max_complexity,
        width=study.search.beam_width,
        budget=Budget(study.search.budget_candidates, out_of_time(study.search.budget_s)),
        report=report,
    )


def _seed(study: Study, perturbation: Perturbation) -> int:
    """Return the seed of a search: the study's first one, unless the seed is what differs."""
    return int(perturbation.level) if perturbation.kind == "seed" else study.search.seeds[0]


def _sequences(
    study: Study, behavior: Behavior, recording: PreparedRecording, jitter_px: float | None
) -> list[LabeledSequence]:
    """Return the labeled sequences of a recording, their features computed from jittered poses if asked."""
    labeled = labeled_sequences(recording, study, behavior)
    if jitter_px is None:
        return labeled
    features = _jittered_features(recording, study, jitter_px, recording.features.names)
    jittered = as_sequences(feature_sequences(features, behavior.kind), None)
    return [replace(one, values=moved.values) for one, moved in zip(labeled, jittered, strict=True)]


def _jittered_features(recording: PreparedRecording, study: Study, sigma_px: float, names: Sequence[str]) -> xr.Dataset:
    """Return features of a recording whose poses are jittered as tracked, then cleaned as the study says."""
    entry, n_animals = recording.entry, animals_needed(study.behaviors)
    tracked = tracked_poses(entry, study)
    noise = rng.stream(study.search.seeds[0], "stability", "jitter", entry.name)
    poses = clean_poses(jitter_poses(tracked, sigma_px, noise), study.cleaning, study.roles)
    require_usable(poses, n_animals=n_animals)
    return compute_features(poses, study.roles, names, length_unit=study.length_reference, arena=entry.arena)


def _reference_sequences(behavior: Behavior, recordings: Sequence[PreparedRecording]) -> list[LabeledSequence]:
    """Return what runs are compared on, without labels."""
    return [
        sequence
        for one in recordings
        for sequence in as_sequences(feature_sequences(open_features(one), behavior.kind), None)
    ]


def _run(found: dict[str, Any], scorer: ProgramScorer) -> StabilityRun:
    program = parse_program(found["program"])
    run = StabilityRun(
        Perturbation(found["kind"], found["level"]),
        program,
        np.concatenate([prediction.states for prediction in scorer.predict(program)]),
        found["held_out_f1"],
    )
    scorer.forget_truths()
    return run


def _reference_recordings(recordings: Sequence[PreparedRecording]) -> list[PreparedRecording]:
    return [one for one in recordings if one.entry.role in REFERENCE_ROLES]


def _catalog_names(program: Condition) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.partition("[")[0] for name in feature_names(program)))


def _require_usable_recordings(behavior: Behavior, development: Sequence[LabeledSequence]) -> None:
    if not development:
        raise LabelError(
            found="no usable train recording",
            expected="at least one",
            where=f"behavior {behavior.name}",
            remedy="give a labeled recording the role train, or mend those that failed",
        )


def _piece(behavior: Behavior, name: str, made_from: object, out: Path) -> Path:
    """Return the path of a piece of work, named by everything that its content depends on."""
    key = digest(CORE_VERSION, dsl_fingerprint(), behavior, made_from)
    return out / _FOLDER / _RUNS / f"{file_name(behavior.name)}-{name.replace(' ', '')}-{key[:KEY_LENGTH]}.json"


def _input(recording: PreparedRecording) -> list[object]:
    return [recording.entry.role, recording.entry.name, recording.features.digest]


def _labeled_input(recording: PreparedRecording) -> list[object]:
    label_path = recording.entry.label_path
    return [*_input(recording), label_path and file_sha256(Path(label_path)), recording.entry.observed]


def _pose_input(recording: PreparedRecording, study: Study) -> list[object]:
    """Return what features of jittered poses depend on beyond what those of the poses as they are tell."""
    entry = recording.entry
    return [
        recording.pose_sha256, study.poses, study.cleaning, dict(study.roles), study.length_reference,
        animals_needed(study.behaviors), entry.fps, entry.scale_mm_per_px, entry.arena,
    ]  # fmt: skip


def _read_json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
