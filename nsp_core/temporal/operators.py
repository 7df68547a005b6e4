"""The one visible tuple of temporal operators: what they are called, take, mean, and do to a unit.

Features and programs mean the same by the same word because both take its function from here. An operator is applied to
a series with time along axis 0 and gives a series of the same shape; ``fps`` of None means that times are in frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import ProgramError, UnitError
from nsp_core.temporal.circular import circular_delta, circular_mean, circular_range, circular_slope, circular_std
from nsp_core.temporal.filters import filter_window, gaussian_filter, morlet_filter
from nsp_core.temporal.occurrence import time_since, time_since_from, window_fraction
from nsp_core.temporal.span import Window
from nsp_core.temporal.window import (
    Series,
    window_delta,
    window_max,
    window_mean,
    window_min,
    window_quantile,
    window_range,
    window_slope,
    window_std,
)
from nsp_core.units import DIMENSIONLESS, TimeReference, Unit

__all__ = ["TEMPORAL_OPERATORS", "TemporalOperator", "TemporalParameter", "temporal_operator_for"]


@dataclass(frozen=True, slots=True)
class TemporalParameter:
    """A number an operator needs beside its series and window.

    Attributes
    ----------
    name
        As the operator's function takes it.
    unit
        Its unit.
    documentation
        What it is, with its range.
    """

    name: str
    unit: Unit
    documentation: str


@dataclass(frozen=True, slots=True)
class TemporalOperator:
    """One word for what a series does in time.

    Attributes
    ----------
    name
        As programs print it.
    signature
        What it takes and gives, in words.
    function
        What it computes; called through :meth:`apply`.
    circular
        What takes its place for signed angles; None where the operator has no meaning for them.
    takes
        A number, or a condition with the values true, false and unknown.
    extent
        Which frames a result depends on: those of its ``window``, those within four ``sigma``, or the whole ``past``.
    parameters
        Numbers it needs.
    uses_fps
        Whether it needs to know how long a frame is.
    unit_of
        Unit of the result, from that of the series and what time is measured against.
    carried
        The function that hands a state from chunk to chunk, where the past has no start.
    edges
        What happens at the ends of the recording and beside gaps.
    documentation, source
        What it is, in a sentence, and who described it.
    """

    name: str
    signature: str
    function: Callable[..., Series]
    unit_of: Callable[[Unit, TimeReference], Unit]
    edges: str
    documentation: str
    source: str
    circular: Callable[..., Series] | None = None
    takes: Literal["number", "condition"] = "number"
    extent: Literal["window", "sigma", "past"] = "window"
    parameters: tuple[TemporalParameter, ...] = ()
    uses_fps: bool = False
    carried: Callable[..., tuple[Series, NDArray[np.int64]]] | None = None

    def apply(
        self,
        values: NDArray[Any],
        window: Window | None = None,
        *,
        first_frame: int = 0,
        fps: float | None = None,
        **parameters: float,
    ) -> Series:
        """Return the operator's series for ``values`` (time, ...), float32, NaN where undefined.

        Parameters
        ----------
        values
            Numbers with NaN where missing, or a condition, see :func:`nsp_core.temporal.occurrence.truth_series`.
        window
            Needed, and used, only where ``extent`` is ``"window"``.
        first_frame
            Which frame of the recording ``values[0]`` is.
        fps
            Frames per second.
        parameters
            One number for each of ``parameters``.

        Raises
        ------
        ProgramError
            If the window or a parameter is missing, unknown or out of its range.
        """
        self._require(window, parameters)
        arguments: dict[str, Any] = dict(parameters)
        if self.uses_fps:
            arguments["fps"] = fps
        if self.extent == "window":
            return self.function(values, window, first_frame=first_frame, **arguments)
        return self.function(values, **arguments)

    def margin(self, window: Window | None = None, *, fps: float | None = None, **parameters: float) -> Window | None:
        """Return the frames a chunk needs on either side to give the bits of the whole recording.

        None where no margin is wide enough and a state is ``carried`` instead. Parameters and Raises as in
        :meth:`apply`.
        """
        self._require(window, parameters)
        if self.extent == "sigma":
            return filter_window(parameters["sigma_s"], fps)
        return window if self.extent == "window" else None

    def _require(self, window: Window | None, parameters: dict[str, float]) -> None:
        needed = [parameter.name for parameter in self.parameters]
        if sorted(parameters) != sorted(needed):
            raise ProgramError(
                found=f"{self.name} with {_listed(sorted(parameters)) or 'no parameter'}",
                expected=f"{self.name} with {_listed(needed) or 'no parameter'}",
                where="temporal operator",
                remedy="give each of its parameters by name",
            )
        if self.extent == "window" and window is None:
            raise ProgramError(
                found=f"{self.name} without a window",
                expected=f"the frames over which to take the {self.name}",
                where="temporal operator",
                remedy="give a window, such as Window.centered(0.5, fps)",
            )


def temporal_operator_for(name: str, *, circular: bool = False) -> TemporalOperator:
    """Return the temporal operator called ``name``, as it applies to plain numbers or to signed angles.

    Parameters
    ----------
    name
        A name in :data:`TEMPORAL_OPERATORS`.
    circular
        Whether the series is a signed angle, which meets itself after a full turn.

    Raises
    ------
    ProgramError
        If there is no such operator, or it has no meaning for a signed angle.

    Examples
    --------
    >>> temporal_operator_for("range", circular=True).function.__name__
    'circular_range'
    """
    by_name = {operator.name: operator for operator in TEMPORAL_OPERATORS}
    if name not in by_name:
        close = get_close_matches(name, by_name, n=1)
        raise ProgramError(
            found=f"the temporal operator '{name}'",
            expected=f"one of {_listed(list(by_name))}",
            where="temporal operator",
            remedy=f"did you mean '{close[0]}'?" if close else "choose one of these",
        )
    operator = by_name[name]
    if not circular:
        return operator
    if operator.circular is None:
        raise ProgramError(
            found=f"the {name} of a signed angle",
            expected=f"one of {_listed([each.name for each in TEMPORAL_OPERATORS if each.circular])}",
            where="temporal operator",
            remedy="compare the angle with a threshold first"
            if operator.takes == "condition"
            else "an angle meets itself after a full turn; use an operator that knows",
        )
    return replace(operator, function=operator.circular)


def _same(unit: Unit, time_reference: TimeReference) -> Unit:
    return unit


def _no_unit(unit: Unit, time_reference: TimeReference) -> Unit:
    return DIMENSIONLESS


def _time(unit: Unit, time_reference: TimeReference) -> Unit:
    return Unit(time=1, time_reference=time_reference)


def _per_time(unit: Unit, time_reference: TimeReference) -> Unit:
    if unit.time and unit.time_reference != time_reference:
        raise UnitError(
            found=f"a slope of '{unit}' per {time_reference}",
            expected=f"a slope per {unit.time_reference}",
            where="temporal operator",
            remedy="measure time against the same reference throughout",
        )
    return replace(unit, time=unit.time - 1, time_reference=time_reference)


def _listed(names: list[str]) -> str:
    return ", ".join(names)


_NUMBER_IN_WINDOW = "number [u], window -> number [u]"
_CUT = "Missing frames are left out; the window is cut at the ends of the recording; missing where it holds no frame."
_BOTH_ENDS = "Missing where the first or last frame of the window is missing or outside the recording."
_SIGMA = TemporalParameter("sigma_s", Unit(time=1), "Standard deviation of the weights, above 0.")
_BLOCKS = "van Herk 1992, doi:10.1016/0167-8655(92)90069-C"
_DIRECTIONS = "for angles Mardia & Jupp 2000, doi:10.1002/9780470316979"

TEMPORAL_OPERATORS: tuple[TemporalOperator, ...] = (
    TemporalOperator(
        "mean",
        _NUMBER_IN_WINDOW,
        window_mean,
        _same,
        _CUT,
        "Mean of the valid frames; of signed angles, the direction of their mean resultant, missing where it vanishes.",
        f"{_BLOCKS}; {_DIRECTIONS}",
        circular=circular_mean,
    ),
    TemporalOperator("min", _NUMBER_IN_WINDOW, window_min, _same, _CUT, "Smallest valid value.", _BLOCKS),
    TemporalOperator("max", _NUMBER_IN_WINDOW, window_max, _same, _CUT, "Largest valid value.", _BLOCKS),
    TemporalOperator(
        "std",
        _NUMBER_IN_WINDOW,
        window_std,
        _same,
        _CUT,
        "Standard deviation of the valid frames (divisor: their number); of signed angles, sqrt(-2 ln R).",
        f"Chan et al. 1983, doi:10.1080/00031305.1983.10483115; {_DIRECTIONS}",
        circular=circular_std,
    ),
    TemporalOperator(
        "range",
        _NUMBER_IN_WINDOW,
        window_range,
        _same,
        _CUT,
        "Largest minus smallest valid value; of signed angles, the smallest arc that holds them all.",
        f"{_BLOCKS}; {_DIRECTIONS}",
        circular=circular_range,
    ),
    TemporalOperator(
        "quantile",
        "number [u], window, q -> number [u]",
        window_quantile,
        _same,
        _CUT,
        "The value below which a share q of the valid frames lies, interpolated; 0.5 is the median.",
        "Hyndman & Fan 1996 (type 7), doi:10.1080/00031305.1996.10473566",
        parameters=(TemporalParameter("q", DIMENSIONLESS, "Share of frames below, from 0 to 1."),),
    ),
    TemporalOperator(
        "delta",
        _NUMBER_IN_WINDOW,
        window_delta,
        _same,
        _BOTH_ENDS,
        "Value at the window's last frame minus the value at its first; of signed angles, the short way round.",
        "",
        circular=circular_delta,
    ),
    TemporalOperator(
        "slope",
        "number [u], window -> number [u / time]",
        window_slope,
        _per_time,
        "Missing frames are left out; the window is cut at the ends of the recording; missing where it holds fewer "
        "than two valid frames, and for signed angles where it holds frames on both sides of a gap.",
        "Slope of the least-squares line through the valid frames; signed angles are unwrapped first.",
        "Legendre 1805 (least squares)",
        circular=circular_slope,
        uses_fps=True,
    ),
    TemporalOperator(
        "fraction",
        "condition, window -> number",
        window_fraction,
        _no_unit,
        "Unknown frames are left out; the window is cut at the ends of the recording; missing where it holds no known "
        "frame.",
        "Share of the known frames in which the condition is true.",
        _BLOCKS,
        takes="condition",
    ),
    TemporalOperator(
        "time_since",
        "condition -> number [time]",
        time_since,
        _time,
        "Missing before the first true frame, and from an unknown frame to the next true one.",
        "Time since the condition was last true, 0 where it is.",
        "",
        takes="condition",
        extent="past",
        uses_fps=True,
        carried=time_since_from,
    ),
    TemporalOperator(
        "gaussian",
        "number [u], sigma [s] -> number [u]",
        gaussian_filter,
        _same,
        "Missing frames have no weight; missing where no frame within four sigma is valid.",
        "Mean of the valid frames, weighted by exp(-(t / sigma)^2 / 2) at a lag of t.",
        "Knutsson & Westin 1993 (missing frames), doi:10.1109/CVPR.1993.341081",
        extent="sigma",
        parameters=(_SIGMA,),
        uses_fps=True,
    ),
    TemporalOperator(
        "morlet",
        "number [u], sigma [s], frequency [1/s] -> number [u]",
        morlet_filter,
        _same,
        "Missing frames have no weight; missing where no frame within four sigma is valid and has weight.",
        "Sum of the valid frames weighted by exp(-(t / sigma)^2 / 2) cos(2 pi f t) at a lag of t, over the sum of the "
        "absolute weights.",
        "Morlet et al. 1982, doi:10.1190/1.1441329; Tjandrasuwita et al. 2021, arXiv:2106.06114",
        extent="sigma",
        parameters=(
            _SIGMA,
            TemporalParameter("frequency_hz", Unit(time=-1), "Above 0, at most half the frame rate."),
        ),
        uses_fps=True,
    ),
)
