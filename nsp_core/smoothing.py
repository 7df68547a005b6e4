"""Savitzky-Golay smoothing of tracks with gaps: a polynomial is fitted around every point of a run of seen points.

A run is smoothed by itself, so that a gap is neither crossed nor filled. The first and last half window of a run lie on
the polynomial fitted to its first and last window; a run shorter than the window lies on one polynomial, and a run of
no more points than the polynomial has coefficients stays as it is. A track that is a polynomial of the order stays as
it is everywhere.

References
----------
Savitzky and Golay 1964, Smoothing and differentiation of data by simplified least squares procedures, Analytical
Chemistry 36, doi:10.1021/ac60214a047.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import StudyError

__all__ = ["smooth_runs", "window_frames"]


def window_frames(smooth_s: float, order: int, fps: float) -> int:
    """Return the odd number of frames nearest to ``smooth_s`` seconds.

    Parameters
    ----------
    smooth_s
        Length of the window in seconds.
    order
        Order of the polynomial, 0 or above.
    fps
        Frames per second.

    Raises
    ------
    StudyError
        If the window has fewer than ``order + 2`` frames: through so few points the polynomial passes exactly, and
        nothing would be smoothed.

    Examples
    --------
    >>> window_frames(0.2, 2, 30.0), window_frames(0.2, 2, 120.0)
    (7, 25)
    """
    # An even number lies halfway between two odd ones: the longer one.
    n_frames = 2 * int(round(smooth_s * fps, 6) / 2) + 1
    least = order + 2 if order % 2 else order + 3
    if n_frames < least:
        raise StudyError(
            found=f"smooth_s = {smooth_s:g}, which is {n_frames} frame{'s' if n_frames > 1 else ''} at {fps:g} fps",
            expected=f"at least {least} frames ({(least - 1) / fps:.3g} s) for a polynomial of order {order}",
            where="cleaning",
            remedy="lengthen smooth_s or lower smooth_order",
        )
    return n_frames


def smooth_runs(position: NDArray[np.float32], n_frames: int, order: int) -> None:
    """Smooth ``position`` in place, every run of seen points by itself.

    Parameters
    ----------
    position
        Shape (time, space, keypoint, individual), NaN where missing.
    n_frames
        Odd length of the window; see :func:`window_frames`.
    order
        Order of the polynomial.
    """
    for keypoint, individual in np.ndindex(position.shape[2:]):
        track = position[:, :, keypoint, individual]
        seen = np.isfinite(track).all(axis=1)
        edges = np.flatnonzero(np.diff(seen, prepend=False, append=False))
        for start, stop in edges.reshape(-1, 2).tolist():
            if stop - start > order + 1:
                track[start:stop] = _smoothed(track[start:stop].astype(np.float64), n_frames, order)


def _smoothed(run: NDArray[np.float64], n_frames: int, order: int) -> NDArray[np.float64]:
    if len(run) <= n_frames:
        return _fit(len(run), order) @ run
    fit, half = _fit(n_frames, order), n_frames // 2
    smoothed = np.empty_like(run)
    smoothed[:half] = fit[:half] @ run[:n_frames]
    smoothed[-half:] = fit[-half:] @ run[-n_frames:]
    for axis in range(run.shape[1]):
        smoothed[half:-half, axis] = np.convolve(run[:, axis], fit[half], mode="valid")
    return smoothed


@lru_cache(maxsize=256)
def _fit(n_points: int, order: int) -> NDArray[np.float64]:
    """Return the matrix that turns equidistant values into those of the polynomial fitted to them."""
    powers = np.vander(np.linspace(-1.0, 1.0, n_points), order + 1, increasing=True)
    basis, _ = np.linalg.qr(powers)
    fitted: NDArray[np.float64] = basis @ basis.T
    return fitted
