"""Events of a SLEAP ``.slp`` file (format 2.6, written by sleap-io 0.9 and later).

A labels file may hold, beside poses, a catalog of event types (the ethogram) and events: an interval of frames of one
video, with an optional subject and target.

- Frames are 0-based and **inclusive at both ends**: ``52..80`` is ``[52, 81)`` here. An event of one frame is a bout of
  one frame.
- ``subject`` and ``target``, tracks or identities, become individual and target by name.
- What a person marked (``UserEvent``) and what a model predicted (``PredictedEvent``) are kept apart: predictions have
  the annotator ``<annotator> (predicted)``. An event's ``source`` names its annotator, where it is filled in.

Known traps:

- The file does not say where anybody looked. Every type of the catalog is taken as looked for throughout, by everybody.
- The length of a video may not be in the file; then it ends with its last event unless ``n_frames`` is stated.
- Older files have no events; they are refused here and hold poses only.

References
----------
sleap-io, https://io.sleap.ai (model: events; formats: SLP)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nsp_adapters.annotations.imported import ImportedAnnotations
from nsp_adapters.annotations.spans import watched_throughout, within_recording
from nsp_adapters.input_file import require_content
from nsp_adapters.poses.hdf5 import opened_hdf5, require_honest_arrays
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels

if TYPE_CHECKING:
    from sleap_io import Event, Labels, Video

__all__ = ["looks_like_sleap_events", "read_sleap_events"]

EXPECTED = "a SLEAP .slp file with events"


def looks_like_sleap_events(path: Path) -> bool:
    """Return whether it is an HDF5 file of SLEAP labels with events."""
    try:
        with opened_hdf5(path, EXPECTED) as opened:
            return "events" in opened and "videos_json" in opened
    except FormatError:
        return False


def read_sleap_events(
    path: Path,
    *,
    n_frames: int | None = None,
    recording: str | None = None,
    annotator: str = "unknown",
    looked_for: Sequence[str] = (),
) -> ImportedAnnotations:
    """Return the events of every video as bouts, each type of the catalog looked for in the whole video.

    Parameters
    ----------
    path
        The ``.slp`` file. Videos are not opened.
    n_frames
        Length of the recording; only where one is read. Default: as the file states, else the last event.
    recording
        Which video to take, by its file name without ending; with a single video, the name to give. Default: all.
    annotator
        Name for events without a source.
    looked_for
        Behaviors looked for besides those of the catalog.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FormatError
        If it has no events or is damaged.
    AmbiguousError
        If two videos have the same name, or n_frames is stated for several videos.
    LabelError
        If the recording is not there, or an event lies outside of it.
    """
    slp = _load(path)
    videos = _videos(path, slp, recording)
    if n_frames is not None and len(videos) > 1:
        raise AmbiguousError(
            found=f"n_frames = {n_frames} and {len(videos)} videos",
            expected="the length of one recording",
            where=path.name,
            remedy="name the recording, or leave n_frames out",
        )
    behaviors = [*(each.name for each in slp.event_types), *looked_for]
    labels: list[RecordingLabels] = []
    assumptions: tuple[str, ...] = ()
    for name, video in videos.items():
        length = n_frames if n_frames is not None else _length(video)
        by_annotator: dict[str, list[Bout]] = {}
        for number, event in enumerate(slp.events):
            if event.video is video:
                bout = _bout(event, length, f"{path.name}, event {number}")
                by_annotator.setdefault(_annotator(event, annotator), []).append(bout)
        last = max((bout.stop_frame for bouts in by_annotator.values() for bout in bouts), default=0)
        observed, sentences = watched_throughout(behaviors, length, last, recording=name)
        assumptions += sentences
        labels += [RecordingLabels(name, who, tuple(bouts), observed) for who, bouts in by_annotator.items()]
    return ImportedAnnotations(tuple(labels), assumptions)


def _load(path: Path) -> Labels:
    require_content(path, EXPECTED)
    with opened_hdf5(path, EXPECTED) as opened:
        if not {"events", "videos_json"} <= set(opened):
            raise FormatError(
                found="no events",
                expected="a .slp file with events, as sleap-io 0.9 and later writes it",
                where=path.name,
                remedy="add events with sleap-io, or give another annotation file: older .slp files hold poses only",
            )
        require_honest_arrays(opened, path)
    import sleap_io  # loading it takes longer than reading most files

    try:
        return sleap_io.load_slp(str(path), open_videos=False)
    except Exception as error:  # a damaged file fails anywhere inside sleap-io, by any exception
        raise FormatError(
            found=f"a .slp file that is damaged ({error})",
            expected="a whole .slp file",
            where=path.name,
            remedy="save it again",
        ) from error


def _videos(path: Path, slp: Labels, recording: str | None) -> dict[str, Video]:
    names = [_stem(video) or f"video{number}" for number, video in enumerate(slp.videos)]
    if len(names) == 1:
        return {recording or names[0]: slp.videos[0]}
    if len(set(names)) < len(names):
        raise AmbiguousError(
            found=f"videos {', '.join(names)}",
            expected="a different name for each",
            where=path.name,
            remedy="split the file into one per video",
        )
    if recording is not None and recording not in names:
        raise LabelError(
            found=f"no video {recording!r}",
            expected=f"one of {', '.join(names)}",
            where=path.name,
            remedy="name a video of the file, without its ending",
        )
    return {name: video for name, video in zip(names, slp.videos, strict=True) if recording in (None, name)}


def _stem(video: Video) -> str:
    filename = video.filename[0] if isinstance(video.filename, list) else video.filename
    # A path of another system keeps its backslashes.
    return str(filename).replace("\\", "/").rsplit("/", 1)[-1].rpartition(".")[0]


def _length(video: Video) -> int | None:
    shape = video.shape
    return int(shape[0]) if shape is not None and shape[0] else None


def _annotator(event: Event, annotator: str) -> str:
    who = event.source or annotator
    return f"{who} (predicted)" if event.is_predicted else who


def _bout(event: Event, n_frames: int | None, where: str) -> Bout:
    last = event.start_frame if event.end_frame is None else event.end_frame
    start, stop = within_recording(event.start_frame, last + 1, n_frames, what=event.type.name, where=where)
    subject, target = (None if each is None else each.name for each in (event.subject, event.target))
    return Bout(event.type.name, start, stop, subject, target)
