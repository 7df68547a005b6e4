"""The ``nsp`` command: every verb without Prefect, a server, a GUI or a GPU.

Nothing heavy is imported at start-up: ``nsp --help`` answers at once, and each verb imports what it needs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsp_flows.agreement_command import agreement
from nsp_flows.queue_command import queue
from nsp_flows.weak_command import weak_label

if TYPE_CHECKING:
    from nsp_core.study import Study
    from nsp_flows.outcome import RunOutcome

__all__ = ["app", "main"]

EXIT_SOME_FAILED, EXIT_BAD_INPUT = 1, 2
DEFAULT_DATA = Path("../shared/data")
# No telemetry, and no more waiting for the first start than a cold disk needs.
PREFECT_SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Readable programs that recognize animal behavior in pose tracks.",
)

StudyFile = Annotated[
    Path, typer.Argument(metavar="STUDY.toml", help="the study: recordings, roles, behaviors, labels")
]
OutFolder = Annotated[Path, typer.Option("--out", help="output folder; what is up to date in it is kept")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="processes that work at the same time")]
UsePrefect = Annotated[
    bool, typer.Option("--prefect", help="run as a Prefect flow (in this process, no server needed)")
]


def main() -> None:
    """Run the command; a mistake of the user's ends with one line and exit code 2, never with a traceback."""
    from nsp_core.errors import NspError

    try:
        app()
    except NspError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(EXIT_BAD_INPUT) from error


@app.command()
def demo(
    out: OutFolder = Path("nsp-demo"),
    data: Annotated[
        Path | None, typer.Option(help="folder of real recordings; default: NSP_DATA, then ../shared/data")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="seed of the search, and of the simulation")] = None,
    workers: Workers = 2,
) -> None:
    """From tracker files to ethograms on 16 recordings of rats, or, without them, on a small simulated study."""
    from nsp_flows.demo import demo_study

    study = demo_study(data or Path(os.environ.get("NSP_DATA", DEFAULT_DATA)), out, seed=seed)
    raise typer.Exit(_run(study, out, workers))


@app.command()
def run(study_file: StudyFile, out: OutFolder, workers: Workers = 2, prefect: UsePrefect = False) -> None:
    """Run a study: features, programs, scores beside baselines, ethogram tables."""
    from nsp_adapters.study import read_study

    study = read_study(study_file, environment=os.environ)
    raise typer.Exit(_run(study, out, workers, study_file=study_file if prefect else None))


@app.command()
def fit(
    rule: Annotated[Path, typer.Argument(metavar="RULE.nsp", help="text file with a program; # starts a comment")],
    study_file: Annotated[Path, typer.Option("--study", metavar="STUDY.toml", help="the study to fit it on")],
    behavior: Annotated[
        str | None, typer.Option("--behavior", metavar="NAME", help="what it recognizes; default: by the file's name")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="keep the constants as they are written")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder of the study's run; the rule goes to rules in it")
    ] = None,
    workers: Workers = 2,
) -> None:
    """Fit the constants of a rule that you wrote, and score it beside the program found and the baselines."""
    from rich.console import Console

    from nsp_adapters.study import read_study
    from nsp_flows.fit_rule import fit_rule_file, print_fit

    study = read_study(study_file, environment=os.environ)
    outcome = fit_rule_file(rule, study, behavior_name=behavior, keep=keep, out=out, n_workers=workers)
    print_fit(outcome, Console())
    raise typer.Exit(outcome.exit_code)


@app.command()
def infer(
    program: Annotated[Path, typer.Option("--program", help="program file written by nsp run")],
    poses: Annotated[list[Path], typer.Option("--poses", help="pose file; give it once per file")],
    out: OutFolder,
    fps: Annotated[
        float | None, typer.Option("--fps", help="frames per second of the video; default: what NWB and movement state")
    ] = None,
    scale_mm_per_px: Annotated[float | None, typer.Option("--scale-mm-per-px", help="millimeters per pixel")] = None,
    roles: Annotated[Path | None, typer.Option("--roles", help="TOML file with another skeleton's [roles]")] = None,
    pose_format: Annotated[
        str | None, typer.Option("--format", help="format of the pose files; default: their content tells")
    ] = None,
    individual: Annotated[
        list[str] | None,
        typer.Option("--individual", metavar="NAME", help="prefix of one animal's body parts in a skeleton of several"),
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", metavar="KEYPOINT", help="body part that belongs to no animal")
    ] = None,
    more_poses: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="more pose files")] = None,
) -> None:
    """Run one program over pose files; no study is needed."""
    from nsp_core.study import PoseSettings
    from nsp_flows.infer_files import infer_files

    pose_files = [*poses, *(more_poses or [])]
    settings = PoseSettings(pose_format, tuple(individual or ()), tuple(leave_out or ()))
    failures = infer_files(
        program, pose_files, out, fps=fps, scale_mm_per_px=scale_mm_per_px, roles_file=roles, settings=settings
    )
    for failure in failures:
        typer.echo(f"failed {failure.subject}: {failure.error}", err=True)
    if len(failures) < len(pose_files):
        typer.echo(f"tables in {out / 'ethograms'}")
    raise typer.Exit(EXIT_SOME_FAILED if failures else 0)


@app.command()
def track(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="videos to track")],
    tracker: Annotated[
        str, typer.Option("--tracker", help="deeplabcut, sleap-track, sleap-nn-track or sleap-nn-predict")
    ],
    model: Annotated[list[Path], typer.Option("--model", help="config.yaml of a project, or a trained model's folder")],
    out: OutFolder,
    environment: Annotated[
        str, typer.Option("--environment", help="where it is installed: path, prefix, conda, docker, apptainer")
    ] = "path",
    target: Annotated[str, typer.Option("--target", help="folder, name or image of that environment")] = "",
    argument: Annotated[list[str] | None, typer.Option("--argument", help="a further argument of the tracker")] = None,
    timeout_s: Annotated[float | None, typer.Option("--timeout-s", help="seconds until a video is given up")] = None,
    redo: Annotated[bool, typer.Option("--redo", help="track again what is there already")] = False,
) -> None:
    """Run DeepLabCut or SLEAP over new videos, in the environment where it is installed."""
    from nsp_adapters.tracker_settings import Environment, TrackerSettings
    from nsp_flows.track_videos import track_videos

    settings = TrackerSettings(
        tracker,  # type: ignore[arg-type]  # what is none of them is refused with the names of those there are
        tuple(model),
        Environment(environment, target),  # type: ignore[arg-type]  # likewise
        tuple(argument or ()),
        timeout_s,
    )
    tracked, failures = track_videos(settings, videos, out, redo=redo)
    for one in tracked:
        typer.echo(f"{'there' if one.was_there else 'tracked'} {one.pose_path} ({one.report})")
    for failure in failures:
        typer.echo(f"failed {failure.subject}: {failure.error}", err=True)
    raise typer.Exit(EXIT_SOME_FAILED if failures else 0)


@app.command()
def check(
    study_file: StudyFile,
    out: Annotated[Path | None, typer.Option("--out", help="folder for the figures as csv tables")] = None,
) -> None:
    """Look at a new study before it is run: how every recording was tracked, and what its labels say."""
    from rich.console import Console

    from nsp_adapters.study import read_study
    from nsp_flows.check_report import print_check
    from nsp_flows.check_study import check_study, write_check

    outcome = check_study(read_study(study_file, environment=os.environ))
    print_check(outcome, Console())
    if out is not None:
        for path in write_check(outcome, out):
            typer.echo(f"table {path}")
    raise typer.Exit(outcome.exit_code)


@app.command()
def convert(
    annotations: Annotated[Path, typer.Argument(metavar="ANNOTATIONS", help="annotation file in any known format")],
    to: Annotated[Path, typer.Option("--to", metavar="OUT", help="file to write")],
    fps: Annotated[float, typer.Option("--fps", help="frames per second of the video")],
    source_format: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="format to read; default: by the content")
    ] = None,
    target_format: Annotated[
        str | None, typer.Option("--as", metavar="FORMAT", help="format to write; default: by the ending of OUT")
    ] = None,
    n_frames: Annotated[int | None, typer.Option("--n-frames", min=1, help="length of the recording")] = None,
    video: Annotated[Path | None, typer.Option("--video", help="the video; if it is there, it says the length")] = None,
    annotator: Annotated[str | None, typer.Option("--annotator", help="whose labels to take, or their name")] = None,
    recording: Annotated[str | None, typer.Option("--recording", help="which recording to take, or its name")] = None,
    looked_for: Annotated[
        list[str] | None, typer.Option("--looked-for", metavar="NAME", help="behavior that was looked for and not seen")
    ] = None,
    unscored: Annotated[
        list[str] | None, typer.Option("--unscored", metavar="NAME", help="type that means nobody looked (Caltech)")
    ] = None,
    unscored_stream: Annotated[
        str | None, typer.Option("--unscored-stream", metavar="NAME", help="the stream in which these types count")
    ] = None,
) -> None:
    """Convert annotations between formats, such as BORIS, SimBA and Caltech, and tell what was assumed or left out."""
    from rich.console import Console

    from nsp_flows.convert_labels import convert_labels, print_conversion

    with Console(stderr=True).status(f"convert {annotations.name}"):
        conversion = convert_labels(
            annotations,
            to,
            fps=fps,
            source_format=source_format,
            target_format=target_format,
            n_frames=n_frames,
            video=video,
            annotator=annotator,
            recording=recording,
            looked_for=looked_for or (),
            unscored=unscored or (),
            unscored_stream=unscored_stream,
        )
    print_conversion(conversion, Console())


app.command()(agreement)
app.command()(queue)
app.command("weak-label")(weak_label)


@app.command()
def features(
    list_all: Annotated[bool, typer.Option("--list", help="list all features (the default)")] = False,
    explain: Annotated[str | None, typer.Option("--explain", metavar="NAME", help="what one feature means")] = None,
    page: Annotated[bool, typer.Option("--page", help="print the documentation page, in markdown")] = False,
) -> None:
    """List the features that programs may use, or explain one."""
    if (explain is not None) + page + list_all > 1:
        raise typer.BadParameter("give one of --list, --explain and --page")
    from nsp_core.features import describe

    if explain is not None:
        typer.echo(describe.explain(explain))
    elif page:
        typer.echo(describe.catalog_page(), nl=False)
    else:
        from rich.console import Console

        from nsp_flows.feature_list import print_catalog

        print_catalog(Console())


@app.command()
def stability(
    study_file: StudyFile,
    out: OutFolder,
    behavior: Annotated[list[str] | None, typer.Option("--behavior", help="only this one; default: all")] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=0, help="searches with other seeds")] = 5,
    bootstraps: Annotated[int, typer.Option("--bootstraps", min=0, help="searches on resampled recordings")] = 5,
    jitter_px: Annotated[
        list[float], typer.Option("--jitter-px", help="searches on poses jittered by so many pixels; 0 for none")
    ] = [0.5, 1.0, 2.0],  # noqa: B006  # typer reads it and never changes it
    workers: Workers = 2,
) -> None:
    """Measure how far a study's programs depend on the seed, the recordings and the exactness of the tracker."""
    from rich.console import Console

    from nsp_adapters.study import read_study
    from nsp_core.search.perturb import StabilitySettings
    from nsp_flows.stability import measure_stability, print_stability

    settings = StabilitySettings(seeds, bootstraps, tuple(sigma for sigma in jitter_px if sigma != 0))
    study = read_study(study_file, environment=os.environ)
    outcome = measure_stability(study, out, settings, behaviors=behavior or (), n_workers=workers)
    print_stability(outcome, Console())
    raise typer.Exit(outcome.exit_code)


@app.command()
def doctor() -> None:
    """Print versions and check that a tiny simulated recording goes from tracker file to ethogram."""
    from nsp_flows.doctor import examine

    problems = examine(typer.echo)
    raise typer.Exit(EXIT_SOME_FAILED if problems else 0)


def _run(study: Study, out: Path, workers: int, *, study_file: Path | None = None) -> int:
    """Run ``study``, as a Prefect flow where its file is given, print the outcome and return the exit code."""
    from rich.console import Console
    from rich.markup import escape

    from nsp_flows.report import print_outcome

    outcome: RunOutcome
    console = Console()
    for note in study.loud_notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}", highlight=False, soft_wrap=True)
    if study_file is None:
        from nsp_flows.local import run_locally

        outcome = run_locally(study, out, n_workers=workers)
    else:
        for setting, value in PREFECT_SETTINGS.items():
            os.environ.setdefault(setting, value)
        from nsp_flows.run_study import run_study

        outcome = run_study(study_file, out)
    print_outcome(outcome, out, console)
    return outcome.exit_code
