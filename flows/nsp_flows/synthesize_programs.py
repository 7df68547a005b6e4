"""Flow: a readable program per behavior of a study, with its scores beside all baselines."""

from __future__ import annotations

import os
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.task_runners import ThreadPoolTaskRunner

from nsp_adapters.outputs import Failure
from nsp_adapters.recordings import PreparedRecording
from nsp_adapters.study import read_study
from nsp_adapters.synthesis import Publication
from nsp_core.labels import Behavior
from nsp_core.study import Study
from nsp_flows.collect import collect
from nsp_flows.extract_features import extract_features
from nsp_flows.report import scores_markdown
from nsp_tasks.programs import baselines, publish, search
from nsp_tasks.recordings import check_labels

__all__ = ["synthesize_programs"]


@flow(name="synthesize-programs", task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]  # untyped upstream
def synthesize_programs(study_file: Path, out: Path) -> tuple[list[Publication], list[Failure]]:
    """Search, score and publish the program of every behavior; return what was published, and the failures.

    Parameters
    ----------
    study_file
        The study (TOML).
    out
        Output folder; programs go to ``programs`` in it.
    """
    study = read_study(study_file, environment=os.environ)
    prepared, failures = extract_features(study_file, out)
    labeled, unlabeled = _with_labels(study, prepared)
    failures += unlabeled
    published: list[Publication] = []
    for behavior in study.behaviors:
        publications, failed = _publish(study, behavior, labeled, out)
        published += publications
        failures += failed
    for publication in published:
        create_markdown_artifact(
            key=f"program-{publication.program_id}",
            markdown=scores_markdown(publication),
            description=publication.behavior,
        )
    return published, failures


def _with_labels(study: Study, prepared: list[PreparedRecording]) -> tuple[list[PreparedRecording], list[Failure]]:
    chosen = [recording for recording in prepared if recording.entry.role != "infer"]
    futures = [check_labels.submit(recording, study) for recording in chosen]
    return collect("read labels", [recording.entry.name for recording in chosen], futures)


def _publish(
    study: Study, behavior: Behavior, labeled: list[PreparedRecording], out: Path
) -> tuple[list[Publication], list[Failure]]:
    searches = [search.submit(study, behavior, seed, labeled, out) for seed in study.search.seeds]
    scored = baselines.submit(study, behavior, labeled, out)
    n_pieces = len(searches) + 1
    pieces, failures = collect("search programs", [behavior.name] * n_pieces, [*searches, scored])
    if len(pieces) < n_pieces:
        return [], failures
    future = publish.submit(study, behavior, pieces[:-1], pieces[-1], labeled, out)
    return collect("score programs", [behavior.name], [future])
