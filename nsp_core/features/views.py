"""Feature sequences: what one animal or one dyad looks like to a program.

References are what programs print. A symmetric pair feature stands alone (``nose_to_nose``). In a dyad every other
feature names whose it is: ``speed[agent]``, ``facing_angle[target]`` (from the target to the agent). An undirected dyad
has no agent of its own, so ``[agent]`` is the animal whose name sorts first, and ``[higher]`` and ``[lower]`` offer the
frame-wise larger and smaller of the two; not of an angle that wraps, for neither of two is the larger. A single animal
needs no brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nsp_core.errors import FeatureError
from nsp_core.labels import BehaviorKind

__all__ = ["feature_sequence", "feature_sequences", "participants", "swap_reference"]

AGENT, TARGET, HIGHER, LOWER = "[agent]", "[target]", "[higher]", "[lower]"

Column = tuple[str, str, NDArray[np.float32]]


def feature_sequences(features: xr.Dataset, kind: BehaviorKind) -> list[xr.DataArray]:
    """Return the feature sequence of every animal or dyad of one recording that can show a behavior of this kind.

    Parameters
    ----------
    features
        As :func:`nsp_core.features.compute_features` returns it.
    kind
        ``directed``: one sequence per ordered dyad; ``undirected``: one per unordered dyad, names sorted;
        ``solitary``: one per individual.

    Returns
    -------
    Arrays (time, feature), float32, see :func:`feature_sequence`, in the order of :func:`participants`.

    Raises
    ------
    FeatureError
        If a dyad is asked of one animal, or no feature fits the kind.
    """
    names = [str(name) for name in features["individual"].values]
    dyads = participants(names, kind)
    if not dyads:
        raise FeatureError(
            found=f"one animal ({', '.join(names)}) where a behavior of kind {kind} needs two",
            expected="at least two animals",
            where=_recording(features),
            remedy="use the multi-animal output of the tracker, or declare the behavior solitary",
        )
    return [feature_sequence(features, kind, individual, target) for individual, target in dyads]


def feature_sequence(features: xr.Dataset, kind: BehaviorKind, individual: str, target: str = "") -> xr.DataArray:
    """Return the feature sequence of one animal or dyad.

    Parameters
    ----------
    features, kind
        See :func:`feature_sequences`.
    individual, target
        The animal; in a dyad agent and target. The target of a solitary behavior is empty.

    Returns
    -------
    Array (time, feature), float32, NaN where missing, with coordinates ``time`` (s), ``feature`` (references) and, on
    the feature dim, ``unit`` (text). Attributes ``recording``, ``individual``, ``target``, ``fps``. ``[higher]`` and
    ``[lower]`` are NaN only where both animals are.

    Raises
    ------
    FeatureError
        If no feature fits the kind.
    """
    if kind == "solitary":
        columns = list(_solitary_columns(features, individual))
    else:
        columns = list(_dyad_columns(features, individual, target, undirected=kind == "undirected"))
    if not columns:
        raise FeatureError(
            found=f"no feature for a behavior of kind {kind} among {', '.join(map(str, features.data_vars)) or 'none'}",
            expected="at least one feature of a single animal" if kind == "solitary" else "at least one feature",
            where=_recording(features),
            remedy="compute features that fit the behavior",
        )
    values = np.empty((features.sizes["time"], len(columns)), dtype=np.float32)
    for index, (_, _, series) in enumerate(columns):
        values[:, index] = series
    return xr.DataArray(
        values,
        dims=("time", "feature"),
        coords={
            "time": features["time"].values,
            "feature": np.array([reference for reference, _, _ in columns], dtype=object),
            "unit": ("feature", np.array([unit for _, unit, _ in columns], dtype=object)),
        },
        attrs={
            "recording": _recording(features),
            "individual": individual,
            "target": target,
            "fps": float(features.attrs["fps"]),
        },
        name="features",
    )


def participants(individuals: Sequence[str], kind: BehaviorKind) -> list[tuple[str, str]]:
    """Return (individual, target) of everyone who can show a behavior of this kind; a single animal has target "".

    Examples
    --------
    >>> participants(["b", "a"], "undirected")
    [('a', 'b')]
    >>> participants(["b", "a"], "directed")
    [('b', 'a'), ('a', 'b')]
    """
    if kind == "solitary":
        return [(name, "") for name in individuals]
    if kind == "undirected":
        return list(combinations(sorted(individuals), 2))
    return list(permutations(individuals, 2))


def swap_reference(name: str) -> str:
    """Return the reference with agent and target exchanged; references without either stay.

    Examples
    --------
    >>> swap_reference("speed[agent]"), swap_reference("nose_to_nose")
    ('speed[target]', 'nose_to_nose')
    """
    if name.endswith(AGENT):
        return name.removesuffix(AGENT) + TARGET
    if name.endswith(TARGET):
        return name.removesuffix(TARGET) + AGENT
    return name


def _solitary_columns(features: xr.Dataset, individual: str) -> Iterator[Column]:
    for name, variable in features.data_vars.items():
        if variable.attrs["arity"] == "individual":
            yield str(name), str(variable.attrs["units"]), variable.sel(individual=individual).values


def _dyad_columns(features: xr.Dataset, agent: str, target: str, *, undirected: bool) -> Iterator[Column]:
    for name, variable in features.data_vars.items():
        unit = str(variable.attrs["units"])
        if variable.attrs["arity"] == "pair":
            yield str(name), unit, variable.sel(individual=agent, target=target).values
            continue
        if variable.attrs["arity"] == "individual":
            of_agent, of_target = (variable.sel(individual=animal).values for animal in (agent, target))
        else:
            of_agent = variable.sel(individual=agent, target=target).values
            of_target = variable.sel(individual=target, target=agent).values
        yield f"{name}{AGENT}", unit, of_agent
        yield f"{name}{TARGET}", unit, of_target
        if undirected and not variable.attrs.get("circular"):
            yield f"{name}{HIGHER}", unit, np.fmax(of_agent, of_target)
            yield f"{name}{LOWER}", unit, np.fmin(of_agent, of_target)


def _recording(features: xr.Dataset) -> str:
    return str(features.attrs.get("recording", "features"))
