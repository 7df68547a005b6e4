from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nsp_core.features import compute_features
from nsp_core.features.geometry import Geometry
from nsp_core.features.posture import GREATEST_ELONGATION, bend, elongation

Film = Callable[..., xr.Dataset]


def shape(*points: complex) -> Geometry:
    """One frame of one animal; the first three points are nose, center and tail base."""
    x_y = np.array([[point.real, point.imag] for point in points], dtype=np.float32)
    return Geometry(x_y.T[np.newaxis, :, :, np.newaxis], {"nose": (0,), "center": (1,), "tail_base": (2,)}, 30.0)


def test_body_length_is_the_distance_from_nose_to_tail_base(film: Film, roles: dict[str, tuple[str, ...]]) -> None:
    poses = film(np.zeros((5, 2)), 0.7, scale_mm_per_px=2.0)
    features = compute_features(poses, roles, ["body_length"])
    assert features["body_length"].values == pytest.approx(80)
    assert features.attrs["body_length_px"] == pytest.approx(40)


@pytest.mark.parametrize(
    ("points", "ratio"),
    [
        ((2, -2, 1j, -1j), 2.0),
        ((1, -1, 1j, -1j), 1.0),
        ((1 + 1j, -1 - 1j, 3 - 3j, -3 + 3j), 3.0),
        ((0, 5, 9), GREATEST_ELONGATION),
    ],
)
def test_elongation_is_the_axis_ratio_of_the_scatter(points: tuple[complex, ...], ratio: float) -> None:
    assert elongation(shape(*points))[0, 0] == pytest.approx(ratio)


@pytest.mark.parametrize("points", [(0, 5), (0, 5, complex("nan")), (3 + 3j, 3 + 3j, 3 + 3j)])
def test_elongation_needs_three_points_that_are_apart(points: tuple[complex, ...]) -> None:
    assert np.isnan(elongation(shape(*points))).all()


@pytest.mark.parametrize(
    ("nose", "angle"), [(10, 0.0), (10j, math.pi / 2), (-10j, math.pi / 2), (-10, math.pi), (10 + 10j, math.pi / 4)]
)
def test_bend_is_zero_when_straight_and_has_no_side(nose: complex, angle: float) -> None:
    assert bend(shape(nose, 0, -10))[0, 0] == pytest.approx(angle)


def test_bend_is_missing_without_the_center() -> None:
    assert np.isnan(bend(shape(10, complex("nan"), -10))).all()
