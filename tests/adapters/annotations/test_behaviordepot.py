"""BehaviorDEPOT: both MATLAB versions, 1-based inclusive bouts, and software apart from people."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from nsp_adapters.annotations.behaviordepot import looks_like_behaviordepot, read_behaviordepot
from nsp_core.errors import AmbiguousError, FormatError, LabelError
from nsp_core.labels import Bout, RecordingLabels

BOUTS = [[3, 4], [5, 5], [9, 10]]
VECTOR = [0, 0, 1, 1, 1, 0, 0, 0, 1, 1]
ALL = ((0, 10),)


@pytest.fixture
def v5(tmp_path):
    def v5(struct="Behavior", **behaviors):
        path = tmp_path / "demo.mat"
        fields = {
            name: {"Bouts": np.array(bouts, dtype=np.uint16), "Vector": np.array(vector, dtype=np.uint8)}
            for name, (bouts, vector) in behaviors.items()
        }
        scipy.io.savemat(path, {struct: fields | {"TotalFrames": 10}})
        return path

    return v5


@pytest.fixture
def v73(tmp_path):
    def v73(struct="hBehavior", **behaviors):
        """HDF5 as MATLAB lays it out: a user block with the version, arrays transposed, empty ones by their shape."""
        path = tmp_path / "hB_demo.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            file[f"{struct}/TotalFrames"] = [[10.0]]
            for name, (bouts, vector) in behaviors.items():
                if len(bouts):
                    file[f"{struct}/{name}/Bouts"] = np.array(bouts, dtype=float).T
                else:
                    file[f"{struct}/{name}/Bouts"] = np.array([0, 0], dtype=np.uint64)
                    file[f"{struct}/{name}/Bouts"].attrs["MATLAB_empty"] = np.uint8(1)
                file[f"{struct}/{name}/Vector"] = np.array(vector, dtype=float)[:, np.newaxis]
        with path.open("r+b") as stream:
            stream.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")
        return path

    return v73


def test_version_5_is_what_the_software_decided(v5):
    path = v5(Freezing=(BOUTS, VECTOR), Moving=(np.empty((0, 2)), [0] * 10))
    assert looks_like_behaviordepot(path)
    read = read_behaviordepot(path, recording="m1")
    bouts = (Bout("Freezing", 2, 4), Bout("Freezing", 4, 5), Bout("Freezing", 8, 10))
    assert read.labels == (RecordingLabels("m1", "BehaviorDEPOT", bouts, {"Freezing": ALL, "Moving": ALL}),)
    assert read.assumptions == ("demo.mat: Behavior is what BehaviorDEPOT decided, not a person's annotation",)
    assert read_behaviordepot(path, annotator="anna").labels[0].annotator == "anna"


def test_version_7_3_is_transposed(v73):
    path = v73(Freezing=(BOUTS, VECTOR), Rearing=([[1, 10]], [1] * 10), Grooming=([], [0] * 10))
    assert looks_like_behaviordepot(path)
    read = read_behaviordepot(path, n_frames=12)
    (labels,) = read.labels
    assert (labels.recording, labels.annotator) == ("hB_demo", "unknown")
    bouts = {(bout.behavior, bout.start_frame, bout.stop_frame) for bout in labels.bouts}
    assert bouts == {("Freezing", 2, 4), ("Freezing", 4, 5), ("Freezing", 8, 10), ("Rearing", 0, 10)}
    assert labels.observed == dict.fromkeys(["Freezing", "Grooming", "Rearing"], ALL)
    assert read.assumptions == (
        "hB_demo.mat: labels end after 10 of 12 frames; the rest is unlabeled",
        "hB_demo.mat: every frame of a vector was looked at",
    )


def test_two_bouts_are_told_from_two_columns(v73):
    (labels,) = read_behaviordepot(v73(Freezing=([[1, 2], [4, 5]], [1, 1, 0, 1, 1]))).labels
    assert labels.bouts == (Bout("Freezing", 0, 2), Bout("Freezing", 3, 5))


@pytest.mark.parametrize(
    ("bouts", "vector", "kind", "message"),
    [
        (
            [[3, 4]],
            VECTOR,
            AmbiguousError,
            "found Freezing: Bouts and Vector that differ at frame 5, expected the same",
        ),
        ([[9, 12]], [0] * 8 + [1, 1], AmbiguousError, "differ at frame end"),
        ([[0, 4]], VECTOR, FormatError, "Freezing.Bouts with rows that are no start and stop"),
        ([[5, 4]], VECTOR, FormatError, "Freezing.Bouts with rows that are no start and stop"),
        (BOUTS, [2, *VECTOR[1:]], FormatError, "Freezing.Vector that does not hold 0 and 1 only"),
    ],
)
def test_contradictions_are_refused(v5, v73, bouts, vector, kind, message):
    for make in (v5, v73):
        with pytest.raises(kind) as caught:
            read_behaviordepot(make(Freezing=(bouts, vector)))
        assert message in str(caught.value)


def test_refusals_say_what_and_where(v5, v73, write):
    with pytest.raises(LabelError, match="found no behavior 'Rearing', expected one of Freezing"):
        read_behaviordepot(v5(Freezing=(BOUTS, VECTOR)), looked_for=["Rearing"])
    with pytest.raises(LabelError, match="found 10 frames of labels, expected 9"):
        read_behaviordepot(v5(Freezing=(BOUTS, VECTOR)), n_frames=9)
    for path in (v5("Params", Freezing=(BOUTS, VECTOR)), v73("Params", Freezing=(BOUTS, VECTOR))):
        assert not looks_like_behaviordepot(path)
        with pytest.raises(FormatError, match="found neither Behavior nor hBehavior"):
            read_behaviordepot(path)
    for path in (v5(), v73()):
        with pytest.raises(FormatError, match="without a field that has Bouts and Vector"):
            read_behaviordepot(path)
    with pytest.raises(FormatError, match=r"found no MATLAB file of version 5 or 7\.3"):
        read_behaviordepot(write("a,b\n", "a.mat"))
    assert not looks_like_behaviordepot(write("a,b\n", "a.mat"))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_file_is_told(v5, v73, write, share):
    for make in (v5, v73):
        content = make(Freezing=(BOUTS, VECTOR)).read_bytes()
        path = write(content[: int(len(content) * share)], "cut.mat")
        looks_like_behaviordepot(path)
        with pytest.raises(FormatError, match=r"found (a MATLAB file that is damaged|neither)"):
            read_behaviordepot(path)


def runs(vector):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], vector, [0]])))
    return edges.reshape(-1, 2).tolist()


@pytest.mark.real_data
def test_real_output_of_the_software(nsp_data):
    path = nsp_data / "behaviordepot_freezing" / "demo1" / "demo1_video.avi_analyzed" / "Behavior.mat"
    truth = scipy.io.loadmat(path, simplify_cells=True)["Behavior"]
    assert looks_like_behaviordepot(path)
    (labels,) = read_behaviordepot(path, n_frames=6000).labels
    for name, count in (("Freezing", 17), ("Moving", 127)):
        bouts = [[bout.start_frame, bout.stop_frame] for bout in labels.bouts if bout.behavior == name]
        assert bouts == runs(truth[name]["Vector"].astype(int))
        assert len(bouts) == count
    assert labels.observed == {"Freezing": ((0, 6000),), "Moving": ((0, 6000),)}


@pytest.mark.real_data
def test_real_human_annotation_and_the_table_only_matlab_reads(nsp_data):
    folder = nsp_data / "behaviordepot_freezing" / "demo1"
    path = folder / "hB_demo1_manual_annotations.mat.mat"
    with h5py.File(path) as file:
        vector = file["hBehavior/Freezing/Vector"][:].ravel().astype(int)
    (labels,) = read_behaviordepot(path).labels
    assert [[bout.start_frame, bout.stop_frame] for bout in labels.bouts] == runs(vector)
    assert len(labels.bouts) == 20
    assert not looks_like_behaviordepot(folder / "demo1_manual_annotations.mat")
    with pytest.raises(FormatError, match="an annotation table has to pass through BehaviorDEPOT first"):
        read_behaviordepot(folder / "demo1_manual_annotations.mat")
    assert not looks_like_behaviordepot(folder / "demo1_video.avi_analyzed" / "Params.mat")
