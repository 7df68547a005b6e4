"""Datasets of movement: either spelling, frames or seconds, netCDF-4, netCDF-3 and Zarr; never a pickle."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import xarray as xr

from nsp_adapters.poses.movement_file import looks_like_movement, read_movement
from nsp_core.errors import FormatError, MissingFileError, PoseError

POSITION = np.random.default_rng(0).uniform(1, 500, size=(4, 2, 3, 2)).astype(np.float32)
CONFIDENCE = np.random.default_rng(1).uniform(size=(4, 3, 2)).astype(np.float32)
DIMS = ("time", "space", "keypoint", "individual")


def stored(plural=False, fps=29.97, times=None, confidence=CONFIDENCE, space=("x", "y"), position=POSITION, **attrs):
    s = "s" if plural else ""
    dims = ("time", "space", f"keypoint{s}", f"individual{s}")
    variables = {"position": (dims, position)}
    if confidence is not None:
        variables["confidence"] = (dims[:1] + (dims[2:] if confidence.ndim == 3 else dims[3:]), confidence)
    coords = {
        "time": np.arange(4) / fps if times is None else np.asarray(times),
        "space": list(space),
        dims[2]: ["nose", "ear", "tail"],
        dims[3]: ["a", "b"],
    }
    given = {"ds_type": "poses", "time_unit": "seconds", "source_software": "SLEAP"}
    return xr.Dataset(variables, coords=coords, attrs=given | ({"fps": fps} if fps else {}) | attrs)


def save_netcdf4(dataset, path):
    """Write HDF5 with dimension scales by hand, as netCDF-4 is."""
    with h5py.File(path, "w") as opened:
        for name, coordinate in dataset.coords.items():
            values = coordinate.values
            opened[name] = values if values.dtype.kind in "fi" else [str(value) for value in values]
            opened[name].make_scale(name)
        for name, variable in dataset.data_vars.items():
            opened[name] = variable.values
            for axis, dim in enumerate(variable.dims):
                opened[name].dims[axis].attach_scale(opened[dim])
        for name, value in dataset.attrs.items():
            opened.attrs[name] = np.array([value]) if isinstance(value, float) else np.bytes_(value)
    return path


def save_netcdf3(dataset, path):
    dataset.to_netcdf(path, engine="scipy")
    return path


def save_zarr(dataset, path):
    as_text = {name: dataset[name].astype(object) for name in dataset.coords if dataset[name].dtype.kind == "U"}
    dataset.assign_coords(as_text).to_zarr(path, consolidated=False)
    return path


def read(path, fps=None, **options):
    return read_movement(path, fps=fps, recording="r", **options)


@pytest.mark.parametrize("save", [save_netcdf4, save_netcdf3, save_zarr])
@pytest.mark.parametrize("plural", [True, False])
def test_every_storage_and_spelling_gives_the_same_poses(tmp_path, save, plural):
    path = save(stored(plural), tmp_path / "m")
    assert looks_like_movement(path)
    poses = read(path)
    np.testing.assert_array_equal(poses["position"], POSITION)
    np.testing.assert_array_equal(poses["confidence"], CONFIDENCE)
    assert poses["position"].dims == DIMS
    assert poses["keypoint"].values.tolist() == ["nose", "ear", "tail"]
    assert poses["individual"].values.tolist() == ["a", "b"]
    assert poses.attrs["fps"] == 29.97
    assert poses.attrs["source_software"] == "SLEAP"


def test_any_order_of_dims_and_axes(tmp_path):
    dataset = stored().isel(space=[1, 0])
    dataset["position"] = dataset["position"].transpose("individual", "keypoint", "space", "time")
    dataset["confidence"] = dataset["confidence"].transpose("individual", "keypoint", "time")
    poses = read(save_netcdf4(dataset, tmp_path / "m.nc"))
    np.testing.assert_array_equal(poses["position"], POSITION)
    np.testing.assert_array_equal(poses["confidence"], CONFIDENCE)


def test_confidence_of_individuals_or_none(tmp_path):
    poses = read(save_netcdf4(stored(confidence=CONFIDENCE[:, 0]), tmp_path / "m.nc"))
    np.testing.assert_array_equal(poses["confidence"], np.repeat(CONFIDENCE[:, :1], 3, axis=1))
    assert np.isnan(read(save_netcdf4(stored(confidence=None), tmp_path / "n.nc"))["confidence"].values).all()


def test_rows_are_frames_of_the_video(tmp_path):
    late = save_netcdf4(stored(times=np.array([2, 3, 5, 6]) / 29.97), tmp_path / "late.nc")
    position = read(late, n_frames=9)["position"]
    np.testing.assert_array_equal(position[[2, 3, 5, 6]], POSITION)
    assert np.isnan(position.values[[0, 1, 4, 7, 8]]).all()
    in_frames = stored(fps=None, times=[2, 3, 5, 6], time_unit="frames")
    poses = read(save_netcdf4(in_frames, tmp_path / "f.nc"), fps=58.83)
    assert poses["position"].equals(position[:7].assign_coords(time=np.arange(7) / 58.83))
    with pytest.raises(PoseError, match="poses up to frame 6"):
        read(late, n_frames=6)
    with pytest.raises(FormatError, match="found no frame rate"):
        read(save_netcdf4(in_frames, tmp_path / "g.nc"))


@pytest.mark.parametrize(
    ("options", "fps", "message"),
    [
        ({}, 30.0, "found 29.97 frames per second, expected the stated 30"),
        ({"times": [0, 0.1, 0.2, 0.3]}, None, "frames per second, expected the stated 29.97"),
        ({"times": [0.5 / 29.97, 1.5 / 29.97, 2.5 / 29.97, 3.5 / 29.97]}, None, "which is no frame at 29.97"),
        ({"times": [0.5, 1, 2, 3], "time_unit": "frames"}, None, "found frame numbers that are not whole"),
        ({"times": [-1, 0, 1, 2], "time_unit": "frames"}, None, "a frame that is negative"),
        ({"times": [0, 0, 1, 2], "time_unit": "frames"}, None, "a frame that is there twice"),
        ({"fps": -5.0, "times": np.arange(4)}, None, "found fps = -5"),
    ],
)
def test_times_that_do_not_fit_are_refused(tmp_path, options, fps, message):
    with pytest.raises(FormatError) as caught:
        read(save_netcdf4(stored(**options), tmp_path / "m.nc"), fps=fps)
    assert message in str(caught.value)


def test_boxes_three_dimensions_and_other_variables_are_refused(tmp_path):
    with pytest.raises(PoseError, match="found a movement dataset of bboxes"):
        read(save_netcdf4(stored(ds_type="bboxes"), tmp_path / "b.nc"))
    with pytest.raises(PoseError, match="found positions in x, z"):
        read(save_netcdf4(stored(space=("x", "z")), tmp_path / "z.nc"))
    with pytest.raises(FormatError, match=r"found position .* without names of keypoint"):
        read(save_netcdf3(stored().drop_vars("keypoint"), tmp_path / "n.nc"))
    with pytest.raises(FormatError, match="found confidence"):
        read(save_netcdf3(stored(confidence=None).assign(confidence=("time", np.ones(4))), tmp_path / "c.nc"))
    with h5py.File(tmp_path / "o.nc", "w") as opened:
        opened["time"] = [0.0]
    assert not looks_like_movement(tmp_path / "o.nc")
    with pytest.raises(FormatError, match="found the variables time"):
        read(tmp_path / "o.nc")
    with h5py.File(tmp_path / "o.nc", "w") as opened:
        opened["position"] = POSITION
    with pytest.raises(FormatError, match="without named dims"):
        read(tmp_path / "o.nc")


def test_packed_numbers_are_unpacked(tmp_path):
    path = save_netcdf4(stored(confidence=None), tmp_path / "m.nc")
    with h5py.File(path, "r+") as opened:
        dims = [opened[name] for name in DIMS]
        del opened["position"]
        packed = np.full(POSITION.shape, 10, dtype="i2")
        packed[1, 0, 0, 0] = -1
        opened["position"] = packed
        opened["position"].attrs.update({"scale_factor": 0.5, "add_offset": 100.0, "_FillValue": np.int16(-1)})
        for axis, dim in enumerate(dims):
            opened["position"].dims[axis].attach_scale(dim)
    position = read(path)["position"]
    assert float(position[0, 0, 0, 0]) == 105
    assert bool(position[1, :, 0, 0].isnull().all())


def test_zarr_that_would_unpickle_is_refused_unread(tmp_path):
    path = save_zarr(stored(), tmp_path / "m.zarr")
    (path / "evil").mkdir()
    array = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}]}
    (path / "evil" / ".zarray").write_text(json.dumps(array))
    with pytest.raises(FormatError, match=r"found values stored as Python objects .codec 'pickle' in evil"):
        read(path)
    (path / "evil" / ".zarray").write_text("{")
    with pytest.raises(FormatError, match="found damaged metadata evil"):
        read(path)


def test_damage_and_absence_are_named(tmp_path):
    path = save_netcdf3(stored(), tmp_path / "m.nc")
    (tmp_path / "cut.nc").write_bytes(path.read_bytes()[:200])
    with pytest.raises(FormatError, match="found a file that cannot be read as netCDF or Zarr"):
        read(tmp_path / "cut.nc")
    with pytest.raises(MissingFileError):
        read(tmp_path / "none.nc")
    (tmp_path / "folder").mkdir()
    assert not looks_like_movement(tmp_path / "folder")


def test_a_number_that_stands_for_missing_is_no_position(tmp_path):
    position = POSITION.copy()
    position[1, :, 0, 0] = -9999
    path = save_netcdf4(stored(position=position), tmp_path / "m.nc")
    with h5py.File(path, "a") as opened:
        opened["position"].attrs["_FillValue"] = np.float32(-9999)
    found = read(path)["position"]
    assert bool(found[1, :, 0, 0].isnull().all())
    assert float(found[0, 0, 0, 0]) == POSITION[0, 0, 0, 0]
