"""Checks of what a call was given: kinds, parameters, shapes, dtypes. Values are not read here."""

from __future__ import annotations

import math
import numbers
from dataclasses import replace
from typing import Any

import numpy as np

from lossary.backends.base import Backend
from lossary.call.domain_check import domain_check
from lossary.call.dtypes import dtypes_of, kind_of
from lossary.call.parameters import as_float, parameters_of
from lossary.call.preparation import with_prepared
from lossary.call.shapes import layout_of
from lossary.definition.computation import Computation
from lossary.definition.declaration import REDUCTIONS
from lossary.definition.expressions import Variant, expressions_for
from lossary.definition.request import Request
from lossary.errors import choices, shown, type_error, value_error

_DENOMINATORS = ("count", "weights")
_LEAST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**64 - 1


def prepare(request: Request, backend: Backend) -> Computation:
    """Check a request and return the computation for the backend to run."""
    request = backend.checked_request(request)
    arrays = {
        name: backend.asarray(given, request.function, name)
        for name, given in request.named_arrays()
    }
    kinds = {name: kind_of(request, name, backend.dtype_name(x)) for name, x in arrays.items()}
    _check_integers(request, arrays)
    shapes = {name: backend.shape(x) for name, x in arrays.items()}
    _check_reduction(request)
    denominator = _denominator(request)
    structure, values = parameters_of(request, backend, arrays, kinds)
    axes, shape, unreduced_shape, labels = layout_of(request, shapes, kinds)
    if request.ignore_index is not None:
        values["ignore_index"] = _ignore_index(request, labels)
    mask = bool(axes) and "where" in arrays and shapes["where"] == shape
    variant = _variant(request, arrays, structure, values, labels=labels, element_mask=mask)
    promoted = [name for name in arrays if kinds[name] == "float"]
    floats = [arrays[name] for name in promoted if name not in variant.array_parameters]
    dtype, compute = dtypes_of(request.function, backend, request.dtype, floats)
    computation = Computation(
        loss=request.loss,
        expressions=expressions_for(request.loss, variant, values),
        arrays=arrays,
        numbers=values,
        axes=axes,
        shape=shape,
        unreduced_shape=unreduced_shape,
        dtype=dtype,
        compute=compute,
        reduction=request.reduction,
        denominator=denominator,
        ignore_index=request.ignore_index,
    )
    check = domain_check(computation, backend)
    return replace(with_prepared(computation, backend, request.class_axis), check=check)


def _variant(
    request: Request,
    arrays: dict[str, Any],
    structure: tuple[tuple[str, object], ...],
    values: dict[str, float],
    *,
    labels: bool,
    element_mask: bool,
) -> Variant:
    """Return the variant of the formula that a call chooses."""
    return Variant(
        structure=structure,
        zeros=frozenset(name for name, value in values.items() if value == 0.0) - {"ignore_index"},
        defaults=frozenset(
            name
            for name in request.loss.extensions
            if values.get(name) == request.loss.parameters[name]
        ),
        labels=labels,
        weights="weights" in arrays,
        where="where" in arrays,
        element_mask=element_mask,
        ignore_index=request.ignore_index is not None,
        class_weights="class_weights" in arrays,
        array_parameters=frozenset(request.array_parameters()),
    )


def _check_integers(request: Request, arrays: dict[str, Any]) -> None:
    """Refuse Python integers that no array could hold."""
    for name, x in arrays.items():
        if type(x) is int and not _LEAST_INTEGER <= x <= _LARGEST_INTEGER:
            requirement = "must be a floating-point number or an integer of 64 bits"
            raise value_error(request.function, name, requirement, shown(x), "Pass a float.")


def _check_reduction(request: Request) -> None:
    given = request.reduction
    if not isinstance(given, str):
        requirement = f"must be {choices(REDUCTIONS)}"
        array = hasattr(given, "shape") or isinstance(given, (list, tuple))
        remedy = "Weights and masks are passed by keyword: weights=, where=." if array else ""
        raise type_error(request.function, "reduction", requirement, shown(given), remedy)
    if given not in REDUCTIONS:
        raise value_error(
            request.function, "reduction", f"must be {choices(REDUCTIONS)}", repr(given)
        )


def _denominator(request: Request) -> Any:
    """Return the denominator, or raise; numbers that can be looked at become floats."""
    given = request.denominator
    if isinstance(given, str) and given in _DENOMINATORS:
        return given
    requirement = f"must be {choices(_DENOMINATORS)} or a positive number or 0-d array"
    number = isinstance(given, numbers.Real) and not isinstance(given, bool)
    array = not number and _is_real_array(given)
    if not (number or array or given is None or isinstance(given, str)):
        raise type_error(request.function, "denominator", requirement, shown(given))
    if array and tuple(given.shape) != ():
        remedy = "Weights of elements are passed as weights=."
        raise value_error(request.function, "denominator", requirement, shown(given), remedy)
    if array and not isinstance(given, np.ndarray):
        return given  # reading its value could wait for a device, or break a trace
    value = as_float(given) if number or array else math.nan
    if math.isinf(value):
        requirement = "must be a finite number"
    if not 0 < value < math.inf:
        raise value_error(request.function, "denominator", requirement, shown(given))
    return value


def _is_real_array(given: Any) -> bool:
    """Return whether this is an array of numbers, of any library."""
    dtype = str(getattr(given, "dtype", "bool"))
    return hasattr(given, "shape") and any(kind in dtype for kind in ("float", "int"))


def _ignore_index(request: Request, labels: bool) -> float:
    given = request.ignore_index
    if isinstance(given, bool) or not isinstance(given, numbers.Integral):
        raise type_error(
            request.function, "ignore_index", "must be an integer or None", shown(given)
        )
    if not _LEAST_INTEGER <= int(given) <= _LARGEST_INTEGER:
        requirement = "must be an integer of 64 bits"
        raise value_error(request.function, "ignore_index", requirement, shown(given))
    if not labels:
        raise value_error(
            request.function,
            "ignore_index",
            "must be None with probability targets",
            shown(given),
            "Use where= to leave elements out.",
        )
    return float(given)
