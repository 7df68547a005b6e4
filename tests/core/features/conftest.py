"""Animals whose speed, distance and angles are known by construction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from nsp_core.features.geometry import Geometry
from nsp_core.poses import make_poses
from nsp_core.simulate_motion import KEYPOINTS, body_keypoints

BODY_PX = 40.0

# A rigid animal that looks along x, in pixels from its center; left is up in the image. Its centroid is its center.
RAT: Mapping[str, complex] = {
    "nose": 20,
    "left_ear": 12 - 6j,
    "right_ear": 12 + 6j,
    "neck": 10,
    "center": 0,
    "left_hip": -12 - 8j,
    "right_hip": -12 + 8j,
    "tail_base": -20,
    "tail_tip": -60,
}

Film = Callable[..., xr.Dataset]
Points = dict[str, NDArray[np.complex128]]


@pytest.fixture(scope="session")
def film() -> Film:
    """Return a function from centers ``x + iy`` (time, individual) in pixels and headings in rad to poses.

    Every animal is 40 px long from nose to tail base, and its centroid is its center.
    """

    def filmed(
        center: ArrayLike, heading: ArrayLike = 0.0, *, fps: float = 30.0, scale_mm_per_px: float | None = None
    ) -> xr.Dataset:
        centers = np.asarray(center, dtype=np.complex128)
        headings = np.broadcast_to(np.asarray(heading, dtype=np.float64), centers.shape)
        position = body_keypoints(centers / BODY_PX, headings) * BODY_PX
        return make_poses(
            position,
            np.full((len(position), *position.shape[2:]), np.nan),
            recording="recording_1",
            keypoints=KEYPOINTS,
            individuals=["abe", "bob", "cid", "dan"][: centers.shape[1]],
            fps=fps,
            scale_mm_per_px=scale_mm_per_px,
        )

    return filmed


@pytest.fixture(scope="session")
def roles() -> dict[str, tuple[str, ...]]:
    """Return the roles of that animal's keypoints."""
    return {"nose": ("nose",), "center": ("center",), "tail_base": ("tail_base",)}


@pytest.fixture(scope="session")
def rat() -> Callable[..., Points]:
    """Return a function from centers ``x + iy`` (time, individual) in pixels and headings in rad to nine keypoints."""

    def placed(center: ArrayLike, heading: ArrayLike = 0.0) -> Points:
        turn = np.exp(1j * np.asarray(heading))
        return {keypoint: np.asarray(center) + place * turn for keypoint, place in RAT.items()}

    return placed


@pytest.fixture(scope="session")
def geometry_of() -> Callable[..., Geometry]:
    """Return a function from keypoints ``x + iy`` (time, individual), in pixels, to the geometry of all their frames.

    What has fewer axes is repeated. Each keypoint has the role of its name unless roles, by name of keypoint, are
    given. There is a second of margin on either side, which lies outside the recording.
    """

    def seen(
        points: Mapping[str, ArrayLike],
        *,
        fps: float = 30.0,
        roles: Mapping[str, tuple[str, ...]] | None = None,
        confidence: ArrayLike = np.nan,
    ) -> Geometry:
        plane = np.stack(np.broadcast_arrays(*(np.atleast_2d(point) for point in points.values())), axis=1)
        position = np.stack([plane.real, plane.imag], axis=1).astype(np.float32)
        names = list(points)
        margin = round(fps) + 1
        return Geometry(
            position,
            np.broadcast_to(np.asarray(confidence, dtype=np.float32), plane.shape),
            {name: (index,) for index, name in enumerate(names)}
            if roles is None
            else {role: tuple(map(names.index, members)) for role, members in roles.items()},
            fps,
            n_frames=len(plane),
            margin=margin,
            missing_before=margin,
        )

    return seen
