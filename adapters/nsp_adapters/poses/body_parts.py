"""Which columns of a file belong to which animal: parts of no animal, and two animals in one prefixed skeleton.

Before multi-animal tracking, laboratories tracked two mice as one "animal" whose body parts carry the animal's name in
front, ``resident_nose, intruder_nose``; many also track the corners of the arena as body parts. Neither is visible in
the file (``left_ear`` may be a prefix as well), so nothing is guessed: the study names the prefixes and the parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import xarray as xr

from nsp_core.errors import FormatError, PoseError

__all__ = ["choose_body_parts", "regroup_poses", "require_shared_keypoints"]

SEPARATORS = "_-. "

Column = TypeVar("Column")


def choose_body_parts(
    columns: Mapping[str, Mapping[str, Column]],
    *,
    individuals: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    where: str,
) -> dict[str, dict[str, Column]]:
    """Return ``columns[individual][keypoint]`` without some body parts and with prefixed ones given to their animals.

    Parameters
    ----------
    columns
        What the file holds, by individual and keypoint.
    individuals
        Prefixes of the body parts of a single-animal file. Empty: individuals stay as they are.
    leave_out
        Body parts, by the names in the file, that belong to no animal.
    where
        The file, for messages.

    Raises
    ------
    PoseError
        If a part to leave out is not there, the file has several animals already, or a part has no or two prefixes.

    Examples
    --------
    >>> choose_body_parts(
    ...     {"individual1": {"a_nose": 1, "b_nose": 2, "door": 3}}, individuals="ab", leave_out=["door"], where="x.csv"
    ... )
    {'a': {'nose': 1}, 'b': {'nose': 2}}
    """
    there = dict.fromkeys(name for parts in columns.values() for name in parts)
    unknown = [name for name in leave_out if name not in there]
    if unknown:
        raise PoseError(
            found=f"no body part {', '.join(map(repr, unknown))}",
            expected=f"body parts among {', '.join(there)}",
            where=where,
            remedy="correct leave_out; upper and lower case differ",
        )
    kept = {
        individual: {name: column for name, column in parts.items() if name not in leave_out}
        for individual, parts in columns.items()
    }
    return _split(kept, individuals, where) if individuals else {name: parts for name, parts in kept.items() if parts}


def regroup_poses(poses: xr.Dataset, *, individuals: Sequence[str] = (), leave_out: Sequence[str] = ()) -> xr.Dataset:
    """Return ``poses`` with body parts left out and prefixed ones given to their animals; parameters as above.

    Raises
    ------
    PoseError
        As :func:`choose_body_parts`, and if the animals then do not share their body parts.
    """
    if not individuals and not leave_out:
        return poses
    where = str(poses.attrs["source_file"])
    columns = {
        individual: {keypoint: (keypoint, individual) for keypoint in poses["keypoint"].values}
        for individual in poses["individual"].values
    }
    chosen = choose_body_parts(columns, individuals=individuals, leave_out=leave_out, where=where)
    keypoints = require_shared_keypoints(chosen, where)
    animals = []
    for individual, parts in chosen.items():
        sources = [parts[keypoint] for keypoint in keypoints]
        one = poses.sel(individual=[sources[0][1]], keypoint=[keypoint for keypoint, _ in sources])
        animals.append(one.assign_coords(individual=[individual], keypoint=keypoints))
    regrouped = xr.concat(animals, "individual").transpose("time", "space", "keypoint", "individual")
    for dim in ("keypoint", "individual"):
        regrouped[dim] = regrouped[dim].astype(object)
    if leave_out:
        already = poses.attrs.get("unused_body_parts")
        regrouped.attrs["unused_body_parts"] = ", ".join([*([already] if already else []), *leave_out])
    return regrouped


def require_shared_keypoints(columns: Mapping[str, Mapping[str, object]], where: str) -> list[str]:
    """Return the body parts that all individuals have, in the order of the first.

    Raises
    ------
    FormatError
        If there is no individual or one has other parts than the first.
    """
    if not columns:
        raise FormatError(
            found="no body part of an animal",
            expected="at least one",
            where=where,
            remedy="take body parts of animals out of leave_out",
        )
    first, *others = columns
    for other in others:
        difference = sorted(columns[first].keys() ^ columns[other].keys())
        if difference:
            raise FormatError(
                found=f"body parts of only one of {first} and {other}: {', '.join(difference)}",
                expected="the same body parts for every individual",
                where=where,
                remedy="export the parts all animals share, put the others under 'single', or name them in leave_out",
            )
    return list(columns[first])


def _split(
    columns: Mapping[str, Mapping[str, Column]], individuals: Sequence[str], where: str
) -> dict[str, dict[str, Column]]:
    if len(columns) != 1:
        raise PoseError(
            found=f"{len(columns)} individuals in the file: {', '.join(columns)}",
            expected="one, whose body parts carry the animals' names",
            where=where,
            remedy="take the prefixes (individuals) out: the file tells its animals apart itself",
        )
    split: dict[str, dict[str, Column]] = {name: {} for name in individuals}
    (parts,) = columns.values()
    for part, column in parts.items():
        owners = [name for name in individuals if part.startswith(name) and part[len(name) :].lstrip(SEPARATORS)]
        owners = [name for name in owners if part[len(name)] in SEPARATORS]
        if len(owners) != 1:
            raise PoseError(
                found=f"body part {part!r} with {'the prefixes ' + ' and '.join(owners) if owners else 'no prefix'}",
                expected=f"one of the prefixes {', '.join(individuals)}, as in '{individuals[0]}_nose'",
                where=where,
                remedy="correct the prefixes (individuals), or name this part in leave_out if it belongs to no animal",
            )
        split[owners[0]][part[len(owners[0]) + 1 :]] = column
    return split
