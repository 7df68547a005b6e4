"""Events of SLEAP files, written by sleap-io itself: inclusive ends, people and models apart."""

from __future__ import annotations

import h5py
import pytest
import sleap_io as sio

from nsp_adapters.annotations.sleap_events import looks_like_sleap_events, read_sleap_events
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout


@pytest.fixture
def slp(tmp_path):
    def slp(filenames=("C:\\videos\\cage3.mp4",), events=(), **catalog):
        videos = [sio.Video(filename=name, open_backend=False) for name in filenames]
        made = [kind(video=videos[number], **event) for kind, number, event in events]
        path = tmp_path / "labels.slp"
        sio.save_slp(sio.Labels(videos=videos, events=made, **catalog), str(path))
        return path

    return slp


def event(start, end, behavior="attack", **who):
    return {"type": behavior, "start_frame": start, "end_frame": end} | who


def test_ends_are_inclusive_and_animals_are_named(slp):
    one, two = sio.Track("one"), sio.Track("two")
    path = slp(
        events=[
            (sio.UserEvent, 0, event(0, 0, subject=one, target=two)),
            (sio.UserEvent, 0, event(1, 9, subject=two)),
            (sio.UserEvent, 0, event(99, 99, "rear")),
        ],
        tracks=[one, two],
        event_types=[sio.EventType("groom")],
    )
    with h5py.File(path) as file:
        assert file["events/end_frame"][:].tolist() == [0, 9, 99]
    assert looks_like_sleap_events(path)
    read = read_sleap_events(path, n_frames=100, annotator="anna", looked_for=["bite"])
    (labels,) = read.labels
    assert (labels.recording, labels.annotator) == ("cage3", "anna")
    assert labels.bouts == (
        Bout("attack", 0, 1, "one", "two"),
        Bout("attack", 1, 10, "two", None),
        Bout("rear", 99, 100),
    )
    assert labels.observed == dict.fromkeys(["groom", "attack", "rear", "bite"], ((0, 100),))


def test_people_models_and_sources_stay_apart(slp):
    path = slp(
        events=[
            (sio.UserEvent, 0, event(0, 5)),
            (sio.PredictedEvent, 0, event(2, 6, score=0.5)),
            (sio.UserEvent, 0, event(3, 7, source="ben")),
        ]
    )
    read = read_sleap_events(path, annotator="anna", recording="m1")
    assert [(each.recording, each.annotator, each.bouts[0].start_frame) for each in read.labels] == [
        ("m1", "anna", 0),
        ("m1", "anna (predicted)", 2),
        ("m1", "ben", 3),
    ]
    assert "because the length of the recording is not stated" in read.assumptions[0]


def test_videos_are_recordings(slp):
    path = slp(("a.mp4", "b.mp4"), [(sio.UserEvent, 0, event(0, 5)), (sio.UserEvent, 1, event(3, 7))])
    assert [(each.recording, each.bouts[0].start_frame) for each in read_sleap_events(path).labels] == [
        ("a", 0),
        ("b", 3),
    ]
    assert [each.recording for each in read_sleap_events(path, recording="b", n_frames=8).labels] == ["b"]
    with pytest.raises(LabelError, match="found no video 'c', expected one of a, b"):
        read_sleap_events(path, recording="c")
    with pytest.raises(AmbiguousError, match="found n_frames = 8 and 2 videos"):
        read_sleap_events(path, n_frames=8)
    with pytest.raises(AmbiguousError, match="found videos a, a, expected a different name for each"):
        read_sleap_events(slp(("x/a.mp4", "y/a.mp4"), [(sio.UserEvent, 0, event(0, 5))]))


def test_event_outside_the_recording_is_named(slp):
    path = slp(events=[(sio.UserEvent, 0, event(0, 5)), (sio.UserEvent, 0, event(8, 10))])
    with pytest.raises(LabelError, match=r"labels\.slp, event 1: found attack over frames \[8, 11\)"):
        read_sleap_events(path, n_frames=10)


def test_damaged_file_is_told(slp, write):
    path = slp(events=[(sio.UserEvent, 0, event(0, 5))])
    with h5py.File(path, "a") as file:
        del file["events/end_frame"]
    with pytest.raises(FormatError, match=r"found a \.slp file that is damaged"):
        read_sleap_events(path)
    with pytest.raises(FormatError, match="found an HDF5 file that is truncated or damaged"):
        read_sleap_events(write(b"\x89HDF\r\n\x1a\n" + bytes(99), "a.slp"))
    assert not looks_like_sleap_events(write("a,b\n"))


@pytest.mark.real_data
def test_real_files_without_events_are_refused(nsp_data):
    paths = sorted((nsp_data / "formats" / "sleap").glob("*.slp"))
    assert paths
    for path in paths:
        assert not looks_like_sleap_events(path)
        with pytest.raises(FormatError, match=r"found no events, .* older \.slp files hold poses only"):
            read_sleap_events(path)
