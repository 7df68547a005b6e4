"""The Prefect flows, in this process: the very same results as without Prefect, and failures set apart."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nsp_adapters.manifest import verify_manifest
from nsp_adapters.programs import read_program
from nsp_adapters.tables import read_bout_table
from nsp_core.errors import LabelError, OutputError
from nsp_flows.collect import collect
from nsp_tasks.retry import is_transient
from tests.flows.few_bouts_study import few_bouts


@pytest.fixture(scope="module")
def flow_run(prefect_server: None, bad_study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """Exit code and output folder of ``nsp run --prefect`` over the bad study, from nothing."""
    from nsp_flows.cli import main

    out = tmp_path_factory.mktemp("flow") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["nsp", "run", str(bad_study), "--out", str(out), "--prefect"])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0), out


class Finished:
    """A future that has finished, as a task runner returns it."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome

    def result(self, *, raise_on_failure: bool) -> object:
        assert not raise_on_failure
        return self.outcome


class Raised:
    """The state of a task that raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def result(self, *, raise_on_failure: bool) -> Exception:
        assert not raise_on_failure
        return self.error


def no_labels(where: str) -> LabelError:
    return LabelError(found="no label", expected="labels", where=where, remedy="annotate it")


def test_the_flow_leaves_the_very_bytes_of_a_local_run(
    flow_run: tuple[int, Path], bad_batch: tuple[Any, Path], contents: Callable[[Path], dict[str, bytes]]
) -> None:
    by_flow, locally = contents(flow_run[1]), contents(bad_batch[1])
    assert sorted(by_flow) == sorted(locally)
    assert [name for name in locally if by_flow[name] != locally[name]] == []
    results = {"manifest.json", "scores.json", "failures.csv", "programs/contact.json", "ethograms/bouts.csv"}
    assert results <= set(by_flow)


def test_a_bad_recording_does_not_stop_the_flow(flow_run: tuple[int, Path]) -> None:
    code, out = flow_run
    assert code == 1
    assert {"sim01", "sim02", "sim03", "sim04"} < set(read_bout_table(out / "ethograms" / "bouts.parquet")["recording"])
    assert verify_manifest(out / "manifest.json") == []


def test_the_flow_s_artifacts_show_failures_scores_and_tables(
    flow_run: tuple[int, Path], bad_batch: tuple[Any, Path]
) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        artifacts = {artifact.key: artifact for artifact in client.read_artifacts()}
    outcome, _ = bad_batch
    programs = {f"program-{publication.program_id}": publication.text for publication in outcome.publications}
    # Another test may have run the flow of weak labels on this server.
    own = {key for key in artifacts if not str(key).startswith("weak-labels-")}
    assert own == {"failures", "ethogram-tables", *programs}
    assert all(text in artifacts[key].data for key, text in programs.items())
    assert all(failure.error.split(";")[0] in artifacts["failures"].data for failure in outcome.failures)


def test_the_flow_of_weak_labels_tells_what_it_kept_and_what_failed(prefect_server: None, tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client

    from nsp_flows.synthesize_weak_labels import synthesize_weak_labels

    study_file = few_bouts(tmp_path, 3)
    written, failures = synthesize_weak_labels(study_file, tmp_path / "out", share="2%-10%")
    assert [one.program.relative_to(tmp_path).as_posix() for one in written] == ["out/weak/approach/program.json"]
    # Nobody annotated contact in these recordings.
    assert [(one.subject, one.stage) for one in failures] == [("contact", "divide bouts")]
    with get_client(sync_client=True) as client:
        artifacts = {artifact.key: artifact.data for artifact in client.read_artifacts()}
    assert read_program(written[0].program).text in artifacts["weak-labels-approach"]


def test_results_stay_in_order_and_failures_are_told_once() -> None:
    futures = [Finished("first"), Finished(no_labels("b")), Finished(no_labels("b")), Finished("last")]
    results, failures = collect("search programs", ["a", "b", "b", "c"], futures)
    assert results == ["first", "last"]
    (failure,) = failures
    assert (failure.subject, failure.stage) == ("b", "search programs")
    assert failure.error == "b: found no label, expected labels; annotate it"


def test_a_defect_is_raised_and_not_tabulated() -> None:
    with pytest.raises(ZeroDivisionError):
        collect("search programs", ["a", "b"], [Finished("first"), Finished(ZeroDivisionError())])


def test_only_a_file_system_that_hiccups_is_tried_again() -> None:
    assert is_transient(None, None, Raised(TimeoutError("the network drive did not answer")))
    full = OutputError(found="no space left", expected="space", where="out", remedy="free some")
    assert not is_transient(None, None, Raised(full))
    assert not is_transient(None, None, Raised(no_labels("a")))
    assert not is_transient(None, None, Raised(ZeroDivisionError()))
