"""Rigid animals whose speed, distance and angles are known by construction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from numpy.typing import ArrayLike

from nsp_core.poses import make_poses
from nsp_core.simulate_motion import KEYPOINTS, body_keypoints

BODY_PX = 40.0

Film = Callable[..., xr.Dataset]


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
