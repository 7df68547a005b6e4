from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsp_core.features.ellipse import GREATEST_ELONGATION, BodyEllipse, scatter_ellipse

NAN = complex(np.nan, np.nan)

# Semi-axes 30 and 10: variances of 225 and 25.
CROSS = (np.sqrt(2) * 15, -np.sqrt(2) * 15, np.sqrt(2) * 5j, -np.sqrt(2) * 5j)

Points = NDArray[np.float32]


def of_animals(*animals: tuple[complex, ...]) -> Points:
    """One frame of animals, each with the same number of keypoints: (space, keypoint, individual, time)."""
    places = np.array(animals).T[:, :, np.newaxis]
    return np.stack([places.real, places.imag]).astype(np.float32)


def scattered(*places: complex) -> BodyEllipse:
    return scatter_ellipse(of_animals(places))


def is_missing(ellipse: BodyEllipse) -> bool:
    return bool(np.isnan([ellipse.xx, ellipse.yy, ellipse.xy, ellipse.determinant, ellipse.larger_variance]).all())


def test_the_center_and_covariance_of_known_points() -> None:
    ellipse = scattered(7 + 3j, 1 + 3j, 4 + 5j, 4 + 1j)
    assert (ellipse.x[0, 0], ellipse.y[0, 0]) == (4, 3)
    assert (ellipse.xx[0, 0], ellipse.yy[0, 0], ellipse.xy[0, 0]) == (4.5, 2, 0)
    assert ellipse.larger_variance[0, 0] == pytest.approx(4.5)
    assert ellipse.smaller_variance[0, 0] == pytest.approx(2)
    assert ellipse.determinant[0, 0] == pytest.approx(9)


@given(st.floats(-3.2, 3.2), st.floats(0, 2000), st.floats(0, 2000))
def test_its_axes_do_not_depend_on_where_the_body_lies_and_points(turn: float, x: float, y: float) -> None:
    ellipse = scattered(*(x + 1j * y + np.exp(1j * turn) * place for place in CROSS))
    assert ellipse.larger_variance[0, 0] == pytest.approx(225, rel=1e-4)
    assert ellipse.smaller_variance[0, 0] == pytest.approx(25, rel=1e-4)
    assert (ellipse.x[0, 0], ellipse.y[0, 0]) == pytest.approx((x, y), abs=1e-3)


def test_an_evenly_filled_ellipse_has_semi_axes_of_two_standard_deviations() -> None:
    grid = np.linspace(-1, 1, 201)
    places = (grid[:, np.newaxis] + 1j * grid).ravel()
    inside = places[np.abs(places) <= 1]
    ellipse = scattered(*(30 * inside.real + 10j * inside.imag))
    assert 2 * np.sqrt(ellipse.larger_variance[0, 0]) == pytest.approx(30, rel=0.01)
    assert 2 * np.sqrt(ellipse.smaller_variance[0, 0]) == pytest.approx(10, rel=0.01)


def test_it_is_that_of_the_points_seen() -> None:
    seen = scattered(4, -4, 1j)
    with_gaps = scattered(NAN, 4, -4, NAN, 1j)
    for name in ("x", "y", "xx", "yy", "xy"):
        assert getattr(with_gaps, name)[0, 0] == pytest.approx(getattr(seen, name)[0, 0])


def test_one_animals_gap_leaves_the_other_alone() -> None:
    both = scatter_ellipse(of_animals((4, -4, 1j), (NAN, -4, 1j)))
    assert np.isfinite(both.xx[0]).all()
    assert is_missing(both.of(np.array([1])))


@pytest.mark.parametrize("places", [(0, 5), (0, 5j, NAN), (NAN, NAN, NAN), (3 + 3j,) * 3, (0.1 + 700.3j,) * 7])
def test_fewer_than_three_points_apart_have_no_ellipse(places: tuple[complex, ...]) -> None:
    assert is_missing(scattered(*places))


@given(st.floats(-3.2, 3.2), st.complex_numbers(max_magnitude=4000, allow_nan=False, allow_infinity=False))
def test_points_on_a_line_have_no_ellipse_whatever_their_rounding(turn: float, place: complex) -> None:
    assert is_missing(scattered(*(place + along * np.exp(1j * turn) for along in (-17.3, -4.1, 3.7, 12.9, 25.2))))


@pytest.mark.parametrize(("elongation", "missing"), [(0.99 * GREATEST_ELONGATION, False), (1.01 * 100, True)])
def test_what_is_too_thin_is_a_line(elongation: float, missing: bool) -> None:
    assert is_missing(scattered(elongation, -elongation, 1j, -1j)) == missing


def test_the_smaller_axis_of_a_thin_body_keeps_its_digits() -> None:
    turn = np.exp(0.7j)
    ellipse = scattered(*(300 + 200j + turn * place for place in (40, -40, 1j, -1j)))
    assert np.sqrt(ellipse.smaller_variance[0, 0]) == pytest.approx(1 / np.sqrt(2), rel=1e-3)
