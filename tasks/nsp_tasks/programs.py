"""Tasks on one behavior: search with one seed, baselines, publication."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import task

from nsp_adapters.recordings import PreparedRecording
from nsp_adapters.synthesis import Publication, publish_program, score_baselines, search_program
from nsp_core.labels import Behavior
from nsp_core.study import Study
from nsp_tasks.retry import RETRY_DELAYS_S, is_transient

__all__ = ["baselines", "publish", "search"]


@task(name="search-program", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def search(study: Study, behavior: Behavior, seed: int, recordings: Sequence[PreparedRecording], out: Path) -> Path:
    """Return the file with what one seed found."""
    return search_program(study, behavior, seed, recordings, out)


@task(name="score-baselines", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def baselines(study: Study, behavior: Behavior, recordings: Sequence[PreparedRecording], out: Path) -> Path:
    """Return the file with the scores of all baselines."""
    return score_baselines(study, behavior, recordings, out)


@task(name="publish-program", retries=2, retry_delay_seconds=RETRY_DELAYS_S, retry_condition_fn=is_transient)
def publish(
    study: Study,
    behavior: Behavior,
    searches: Sequence[Path],
    baseline_scores: Path,
    recordings: Sequence[PreparedRecording],
    out: Path,
) -> Publication:
    """Return the published program of a behavior."""
    return publish_program(study, behavior, searches, baseline_scores, recordings, out)
