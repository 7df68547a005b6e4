"""Search and score the program of one behavior of a study; every finished piece is kept and found again.

``<out>/search/<behavior>-seed<k>-<key>.json`` holds what one seed found,
``<out>/search/<behavior>-baselines-<key>.json`` the scores of the baselines. From both, :func:`publish_program`
chooses by held-out scores, then scores the choice on the test recordings and writes ``<out>/programs/<behavior>.json``.
Beside a piece, ``.state.json`` is where an interrupted search goes on; ``<out>/log/*.trace.csv`` says what it found
when.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nsp_adapters.atomic import KEY_LENGTH, file_name, write_json
from nsp_adapters.checkpoint import FileCheckpoint, write_trace
from nsp_adapters.manifest import file_sha256, software_version
from nsp_adapters.programs import read_program, write_program
from nsp_adapters.recordings import PreparedRecording, labeled_sequences
from nsp_core.dsl.text import parse_program
from nsp_core.errors import LabelError, MissingFileError, ProgramError
from nsp_core.evaluate.frames import as_json
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact, dsl_fingerprint
from nsp_core.provenance import CORE_VERSION, digest
from nsp_core.search.beam import Budget, SearchProgress
from nsp_core.search.compare import baseline_scores, program_scores
from nsp_core.search.result import Candidate, SynthesisResult
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import LabeledSequence
from nsp_core.study import Study, study_digest

__all__ = [
    "Publication",
    "development_sequences",
    "out_of_time",
    "publish_program",
    "score_baselines",
    "search_program",
    "unbeaten_baselines",
]

SPLITS = ("train", "validation", "test")
DEVELOPMENT = ("train", "validation")
READABLE_BASELINES = ("always_positive", "one_threshold", "depth3_tree")
MEASURES = ("f1", "ap")
Report = Callable[[SearchProgress], None]


@dataclass(frozen=True, slots=True)
class Publication:
    """What came out for one behavior.

    Attributes
    ----------
    behavior
        Its name.
    program_id
        Changes whenever the program would give other ethograms.
    program_path
        The program file.
    text
        The program.
    scores
        Model -> split -> scores, plain values.
    beats_baselines
        Whether the program beats every readable baseline (always positive, one threshold, depth-3 tree) on
        recordings it was not fitted on, in F1 and average precision.
    """

    behavior: str
    program_id: str
    program_path: Path
    text: str
    scores: Mapping[str, Any]
    beats_baselines: bool


def search_program(
    study: Study,
    behavior: Behavior,
    seed: int,
    recordings: Sequence[PreparedRecording],
    out: Path,
    *,
    report: Report = lambda progress: None,
) -> Path:
    """Return the file with what a search with ``seed`` found, running it only if there is no such file yet.

    An interrupted search goes on from its last depth. One that the study's ``budget_s`` cut short returns a file of its
    own, ``.partial.json``, and goes on when it is run again.

    Raises
    ------
    LabelError
        If the recordings lack one of the two classes, or hold too little of one to judge a program by.
    """
    path = _piece(study, behavior, f"seed{seed}", recordings, out)
    if path.is_file():
        return path
    checkpoint = FileCheckpoint(path.with_suffix(".state.json"), out / "log" / f"{path.stem}.trace.csv")
    result = synthesize_sequences(
        development_sequences(study, behavior, recordings),
        seed=seed,
        max_complexity=study.search.max_complexity,
        width=study.search.beam_width,
        budget=Budget(study.search.budget_candidates, out_of_time(study.search.budget_s)),
        checkpoint=checkpoint,
        clock=time.monotonic,
        report=report,
    )
    write_trace(checkpoint.trace_path, result.trace)
    found = {
        "behavior": behavior.name,
        "seed": seed,
        "stopped_because": result.stopped_because,
        "n_candidates": result.n_candidates,
        "best": result.best.text,
        "front": [_entry(candidate, seed) for candidate in _front_with_best(result)],
        "alternatives": [_entry(candidate, seed) for candidate in result.alternatives],
    }
    if result.stopped_because == "asked to stop":
        # What a stopped clock allowed is not what the study asked for: it is returned, but a rerun goes on searching.
        return write_json(path.with_suffix(".partial.json"), found)
    written = write_json(path, found)
    checkpoint.forget()
    return written


def _entry(candidate: Candidate, seed: int) -> dict[str, Any]:
    scores = as_json({"program": {"train": candidate.train, "validation": candidate.validation}}, seed=seed)
    return {
        "text": candidate.text,
        "complexity": candidate.complexity,
        "discretization_gap": round(candidate.discretization_gap, 4),
        "scores": scores["program"],
    }


def score_baselines(study: Study, behavior: Behavior, recordings: Sequence[PreparedRecording], out: Path) -> Path:
    """Return the file with the scores of all baselines, computing them only if there is no such file yet."""
    path = _piece(study, behavior, "baselines", recordings, out)
    if not path.is_file():
        seed = study.search.seeds[0]
        development = development_sequences(study, behavior, recordings)
        scores = baseline_scores(development, _test_split(study, behavior, recordings), seed=seed)
        write_json(path, as_json(scores, seed=seed))
    return path


def publish_program(
    study: Study,
    behavior: Behavior,
    searches: Sequence[Path],
    baselines: Path,
    recordings: Sequence[PreparedRecording],
    out: Path,
) -> Publication:
    """Choose among what the seeds found, score the choice on every split, and write the program file.

    The choice uses validation scores only; test recordings are scored after it is made. A program file made from the
    very same pieces is kept.
    """
    path = out / "programs" / f"{file_name(behavior.name)}.json"
    made_from = digest(CORE_VERSION, study_digest(study), [piece.name for piece in (*searches, baselines)])
    artifact = _published_before(path, made_from)
    if artifact is None:
        found = [json.loads(piece.read_text(encoding="utf-8")) for piece in searches]
        test = _test_split(study, behavior, recordings)
        artifact = _chosen_artifact(study, behavior, found, test, json.loads(baselines.read_text(encoding="utf-8")))
        artifact = replace(artifact, provenance={**artifact.provenance, "made_from": made_from})
        write_program(path, artifact)
    scores = artifact.scores
    return Publication(behavior.name, artifact.program_id, path, artifact.text, scores, not unbeaten_baselines(scores))


def _published_before(path: Path, made_from: str) -> ProgramArtifact | None:
    try:
        artifact = read_program(path)
    except (MissingFileError, ProgramError):
        return None
    return artifact if artifact.provenance.get("made_from") == made_from else None


def _chosen_artifact(
    study: Study,
    behavior: Behavior,
    found: Sequence[Mapping[str, Any]],
    test: Mapping[str, list[LabeledSequence]],
    baseline_scores: Mapping[str, Any],
) -> ProgramArtifact:
    best = max(found, key=lambda one: _merit(_front_entry(one)))
    scores: dict[str, Any] = {"program": _scored(best, test)}
    for one in found if len(found) > 1 else []:
        scores[f"program, seed {one['seed']}"] = _scored(one, test)
    scores |= baseline_scores
    return ProgramArtifact(
        behavior=behavior,
        condition=parse_program(best["best"]),
        roles=study.roles,
        cleaning=study.cleaning,
        length_reference=study.length_reference,
        provenance={
            "study": study.name,
            "study_digest": study_digest(study),
            "seed": best["seed"],
            "software_version": software_version(),
            "stopped_because": best["stopped_because"],
            "n_candidates": sum(one["n_candidates"] for one in found),
            "discretization_gap": _front_entry(best)["discretization_gap"],
            "front": [_brief(entry) for entry in best["front"]],
            "alternatives": [_brief(entry) for entry in best["alternatives"]],
            "beats_baselines": not unbeaten_baselines(scores),
        },
        scores=scores,
    )


def unbeaten_baselines(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (baseline, measure) of each readable baseline that the program does not beat by its held-out scores.

    A program that was found is judged by the same. A score that does not exist beats nothing.
    """
    program = scores["program"]["validation"]
    return [
        (baseline, measure)
        for baseline in READABLE_BASELINES
        for measure in MEASURES
        if not _beats(program[measure], scores[baseline]["validation"][measure])
    ]


def out_of_time(budget_s: float | None) -> Callable[[], bool] | None:
    """Return the question whether ``budget_s`` seconds have passed since now; None where time does not matter."""
    if budget_s is None:
        return None
    deadline = time.monotonic() + budget_s
    return lambda: time.monotonic() > deadline


def _front_with_best(result: SynthesisResult) -> list[Candidate]:
    """Return the front, and the chosen program where it is not on it, simplest first."""
    return sorted({*result.front, result.best}, key=lambda one: (one.complexity, one.text))


def _scored(found: Mapping[str, Any], test: Mapping[str, list[LabeledSequence]]) -> dict[str, Any]:
    """Return split -> scores of what one seed found; test recordings are scored here, after the choice."""
    program, seed = parse_program(found["best"]), found["seed"]
    tested = as_json({"program": program_scores(program, test, seed=seed)}, seed=seed) if test else {"program": {}}
    return {**_front_entry(found)["scores"], **tested["program"]}


def _brief(entry: Mapping[str, Any]) -> dict[str, Any]:
    validation = entry["scores"]["validation"]
    held_out = {name: validation.get(name) for name in ("f1", "f1_low", "f1_high", "ap")}
    return {"text": entry["text"], "complexity": entry["complexity"], "held_out": held_out}


def _front_entry(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(entry for entry in found["front"] if entry["text"] == found["best"])


def _merit(entry: Mapping[str, Any]) -> float:
    validation = entry["scores"]["validation"]
    return float(validation["f1"] + validation["ap"])


def development_sequences(
    study: Study, behavior: Behavior, recordings: Sequence[PreparedRecording]
) -> list[LabeledSequence]:
    """Return the labeled sequences that programs are found on: those of the roles ``train`` and ``validation``.

    Raises
    ------
    LabelError
        If no recording of these roles is usable.
    """
    sequences = _of_roles(study, behavior, recordings, DEVELOPMENT)
    if not sequences:
        raise LabelError(
            found="no usable train recording",
            expected="at least one",
            where=f"behavior {behavior.name}",
            remedy="give a labeled recording the role train, or mend those that failed",
        )
    return sequences


def _test_split(
    study: Study, behavior: Behavior, recordings: Sequence[PreparedRecording]
) -> dict[str, list[LabeledSequence]]:
    sequences = _of_roles(study, behavior, recordings, ("test",))
    return {"test": sequences} if sequences else {}


def _of_roles(
    study: Study, behavior: Behavior, recordings: Sequence[PreparedRecording], roles: Sequence[str]
) -> list[LabeledSequence]:
    return [
        sequence
        for recording in recordings
        if recording.entry.role in roles
        for sequence in labeled_sequences(recording, study, behavior)
    ]


def _piece(study: Study, behavior: Behavior, name: str, recordings: Sequence[PreparedRecording], out: Path) -> Path:
    """Return the path of a piece of work, named by everything that its content depends on."""
    used = [
        [one.entry.role, one.entry.name, one.features.digest, _label_sha256(one), one.entry.observed]
        for one in recordings
        if one.entry.role in SPLITS
    ]
    search = [study.search.max_complexity, study.search.beam_width, study.search.budget_candidates]
    key = digest(CORE_VERSION, dsl_fingerprint(), behavior, study.labels, search, study.search.seeds[0], used)
    return out / "search" / f"{file_name(behavior.name)}-{name}-{key[:KEY_LENGTH]}.json"


def _label_sha256(recording: PreparedRecording) -> str | None:
    path = recording.entry.label_path
    return file_sha256(Path(path)) if path is not None else None


def _beats(score: float | None, other: float | None) -> bool:
    return score is not None and other is not None and score > other
