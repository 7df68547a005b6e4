"""Content digests: the same values give the same text on every machine, in memory or read back from a store.

A digest is the SHA-256 of a canonical JSON text in which every value carries its kind, so that ``1``, ``1.0``, ``"1"``
and ``True`` all differ. Arrays enter as dtype, shape and little-endian bytes. Every NaN counts as the same NaN (a store
does not keep NaN payloads); strings count as text whatever array dtype holds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["CORE_VERSION", "VariableDigest", "combine_digests", "dataset_digest", "digest"]

CORE_VERSION = 5
"""Part of every key: raised whenever the same input gives different results than before."""

# Long series are hashed block by block, so that a lazily opened dataset is never in memory as a whole.
_BLOCK_ROWS = 16_384


class VariableDigest:
    """The digest of one variable that arrives in consecutive blocks; how it is cut makes no difference.

    Parameters
    ----------
    first
        A block of the variable, which may be empty: its dims, attributes and dtype hold for all of them. It is not
        yet counted.

    Examples
    --------
    >>> speed = xr.Variable("time", [1.0, 2.0, 3.0], {"units": "mm/s"})
    >>> whole, cut = VariableDigest(speed), VariableDigest(speed)
    >>> whole.update(speed)
    >>> for block in (speed[:1], speed[1:]):
    ...     cut.update(block)
    >>> whole.hexdigest() == cut.hexdigest()
    True
    """

    def __init__(self, first: xr.Variable) -> None:
        self._header = [list(first.dims), _plain_attributes(first.attrs), _dtype_name(first.dtype)]
        self._inner_shape = list(first.shape[1:])
        self._n_rows = 0 if first.dims else None
        self._values = hashlib.sha256()

    def update(self, block: xr.Variable) -> None:
        """Append a block along the first dim; a variable without dims is given once."""
        for rows in _blocks(block):
            self._values.update(_content(rows))
        if self._n_rows is not None:
            self._n_rows += block.shape[0]

    def hexdigest(self) -> str:
        """Return the digest of all blocks so far, 64 hexadecimal digits."""
        shape = [] if self._n_rows is None else [self._n_rows, *self._inner_shape]
        return digest(self._header, shape, self._values.hexdigest())


def digest(*parts: object) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of ``parts``.

    Parameters
    ----------
    parts
        None, booleans, numbers, strings, bytes, numpy arrays, dataclasses, and lists, tuples and mappings of these.
        A list equals a tuple of the same items; the order of a mapping's keys does not matter.

    Raises
    ------
    TypeError
        For any other kind of value: its text would not be the same in the next run.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    >>> digest(1) == digest(1.0)
    False
    """
    return _sha256(_canonical(list(parts)))


def dataset_digest(dataset: xr.Dataset) -> str:
    """Return the SHA-256 over a dataset's variables, coordinates, dims, dtypes and attributes.

    The order of variables and of attributes does not matter, nor does the encoding of the file it was read from. An
    attribute that is an array counts as the list of its items, which is what a store keeps of it.

    Examples
    --------
    >>> walk = xr.Dataset({"speed": ("time", [1.0, float("nan")])})
    >>> dataset_digest(walk) == dataset_digest(walk.copy(deep=True))
    True
    >>> dataset_digest(walk) == dataset_digest(walk.assign_attrs(fps=30.0))
    False
    """
    coordinates = {str(name): _variable_digest(dataset.variables[name]) for name in dataset.coords}
    variables = {str(name): _variable_digest(dataset.variables[name]) for name in dataset.data_vars}
    return combine_digests(dataset.attrs, coordinates, variables)


def combine_digests(attributes: Mapping[Any, Any], coordinates: Mapping[str, str], variables: Mapping[str, str]) -> str:
    """Return the :func:`dataset_digest` of a dataset of which only the digests of its parts are known.

    Parameters
    ----------
    attributes
        Those of the dataset.
    coordinates, variables
        Name -> :class:`VariableDigest`.
    """
    return digest("dataset", _plain_attributes(attributes), dict(coordinates), dict(variables))


def _canonical(value: object) -> object:
    """Return ``value`` as JSON in which containers and scalars of different kinds cannot be confused."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    if isinstance(value, np.ndarray):
        return ["array", _dtype_name(value.dtype), list(value.shape), hashlib.sha256(_content(value)).hexdigest()]
    if isinstance(value, list | tuple):
        return ["list", [_canonical(item) for item in value]]
    if isinstance(value, Mapping):
        return ["mapping", [[_canonical(key), _canonical(value[key])] for key in sorted(value)]]
    if is_dataclass(value) and not isinstance(value, type):
        # Not dataclasses.asdict: it would forget the class of nested dataclasses.
        members = [[field.name, _canonical(getattr(value, field.name))] for field in fields(value)]
        return ["dataclass", type(value).__name__, members]
    raise TypeError(
        f"found a {type(value).__name__} to digest, expected plain values, bytes, arrays or dataclasses of them; "
        "convert it to one of these first"
    )


def _sha256(canonical: object) -> str:
    text = json.dumps(canonical, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain_attributes(attributes: Mapping[Any, Any]) -> dict[str, object]:
    return {str(name): _without_arrays(value) for name, value in attributes.items()}


def _without_arrays(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_without_arrays(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _without_arrays(item) for key, item in value.items()}
    return value


def _variable_digest(variable: xr.Variable) -> str:
    whole = VariableDigest(variable)
    whole.update(variable)
    return whole.hexdigest()


def _blocks(variable: xr.Variable) -> Iterator[NDArray[Any]]:
    if variable.ndim == 0:
        yield variable.values
        return
    for start in range(0, variable.shape[0], _BLOCK_ROWS):
        yield variable[start : start + _BLOCK_ROWS].values


def _is_text(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "OUT"


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return "text" if _is_text(dtype) else dtype.newbyteorder("<").str


def _content(values: NDArray[Any]) -> bytes:
    if _is_text(values.dtype):
        # One JSON text per item: blocks of items concatenate to the same bytes as all items at once.
        items = [_canonical(item) for item in values.ravel().tolist()]
        return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items).encode()
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
