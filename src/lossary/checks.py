"""Checks of what a call was given: kinds, parameters, shapes, dtypes. Values are not read here."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from lossary.composite import Variant, composite
from lossary.definition import REDUCTIONS
from lossary.domains import FINITE, Range
from lossary.errors import choices, shown, type_error, value_error
from lossary.problem import Problem, Request

if TYPE_CHECKING:
    from lossary.backends.base import Backend

_DENOMINATORS = ("count", "weights")
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_LEAST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**64 - 1
Shape = tuple[int, ...]


def prepare(request: Request, backend: Backend) -> Problem:
    """Check a request and return the problem for the backend to run."""
    arrays = {
        name: backend.asarray(given, request.function, name)
        for name, given in request.named_arrays()
    }
    kinds = {name: _kind(request, name, backend.dtype_name(x)) for name, x in arrays.items()}
    _check_integers(request, arrays)
    shapes = {name: backend.shape(x) for name, x in arrays.items()}
    _check_reduction(request)
    request = request._replace(denominator=_denominator(request))
    structure, values = _parameters(request, backend, arrays, kinds)
    axis, shape, unit_shape, labels = _layout(request, shapes, kinds)
    if request.ignore_index is not None:
        values["ignore_index"] = _ignore_index(request, labels)
    variant = Variant(
        structure=structure,
        zeros=frozenset(name for name, value in values.items() if value == 0.0) - {"ignore_index"},
        labels=labels,
        weights="weights" in arrays,
        where="where" in arrays,
        ignore_index=request.ignore_index is not None,
        class_weights="class_weights" in arrays,
        array_parameters=frozenset(request.array_parameters()),
    )
    floats = [
        x
        for name, x in arrays.items()
        if kinds[name] == "float" and name not in variant.array_parameters
    ]
    natural = backend.promote(floats)
    dtype = _result_dtype(request, backend, natural)
    compute = "float64" if "float64" in {natural, dtype} else "float32"
    return Problem(
        request=request,
        composite=composite(request.loss, variant),
        arrays=arrays,
        numbers=values,
        axis=axis,
        shape=shape,
        unit_shape=unit_shape,
        dtype=dtype,
        compute=compute,
    )


def _kind(request: Request, name: str, dtype: str) -> str:
    """Return "float", "int" or "bool", or refuse the dtype."""
    if name == "where":
        if dtype != "bool":
            raise type_error(
                request.function, name, "must be boolean", f"dtype {dtype}", "Pass where != 0."
            )
        return "bool"
    if dtype in _FLOATS:
        return "float"
    if dtype == "bool":
        return "bool"
    if dtype.startswith(("int", "uint")):
        return "int"
    if "float" in dtype or "double" in dtype:
        raise type_error(
            request.function,
            name,
            f"must have one of the floating-point dtypes {', '.join(_FLOATS)}",
            f"dtype {dtype}",
            "Convert it to one of them.",
        )
    remedy = (
        "Pass its real part, or abs() of it."
        if dtype.startswith("complex")
        else "Convert it to a floating-point or integer dtype."
    )
    raise type_error(request.function, name, "must hold real numbers", f"dtype {dtype}", remedy)


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
        return given  # to look at its value would be to wait for a device, or to break a trace
    value = _float(given) if number or array else math.nan
    if math.isinf(value):
        requirement = "must be a finite number"
    if not 0 < value < math.inf:
        raise value_error(request.function, "denominator", requirement, shown(given))
    return value


def _is_real_array(given: Any) -> bool:
    """Tell whether this is an array of numbers, of whatever library."""
    dtype = str(getattr(given, "dtype", "bool"))
    return hasattr(given, "shape") and any(kind in dtype for kind in ("float", "int"))


def _float(given: Any) -> float:
    """Return a number as a float: infinity where it is too large for one."""
    try:
        return float(given)
    except OverflowError:
        return math.inf if given > 0 else -math.inf


def _parameters(
    request: Request, backend: Backend, arrays: dict[str, Any], kinds: dict[str, str]
) -> tuple[tuple[tuple[str, object], ...], dict[str, float]]:
    """Check the parameters; split those that are not arrays into structure and numbers."""
    loss = request.loss
    structure: list[tuple[str, object]] = []
    values: dict[str, float] = {}
    for name, given in zip(loss.parameters, request.parameters, strict=True):
        default = loss.parameters[name]
        if isinstance(default, bool):
            if not isinstance(given, bool):
                raise type_error(loss.name, name, "must be True or False", shown(given))
            structure.append((name, given))
            continue
        if name in arrays:
            _check_array_parameter(request, name, kinds[name], backend.values(arrays[name]))
            continue
        value = number(request.function, name, given, loss.limits.get(name))
        if name in loss.structure:
            structure.append((name, int(value) if value.is_integer() else value))
        else:
            values[name] = value
    return tuple(structure), values


def _check_array_parameter(request: Request, name: str, kind: str, values: Any) -> None:
    """Check a parameter given as an array as numbers are, where its values can be read."""
    limit = request.loss.limits.get(name, FINITE)
    if kind == "bool":
        remedy = "Convert it to a floating-point dtype."
        raise type_error(request.function, name, limit.text, "dtype bool", remedy)
    if values is None:
        return
    wrong = np.atleast_1d(~(np.isfinite(values) & _contains(limit, values)))
    if wrong.any():
        position = tuple(map(int, np.argwhere(wrong)[0]))
        value = float(np.atleast_1d(values)[position])
        given = f"{value!r} at {position}" if np.ndim(values) else repr(value)
        requirement = limit.text if math.isfinite(value) else FINITE.text
        raise value_error(request.function, name, requirement, given)


def _contains(limit: Range, values: Any) -> Any:
    """Tell which values are within a limit, which may know numbers alone."""
    try:
        return limit.contains(values)
    except ValueError:  # "and" or a chain of comparisons
        return np.vectorize(limit.contains, otypes=[bool])(values)


def number(function: str, name: str, given: Any, limit: Range | None) -> float:
    """Return a parameter as a float, or raise if it is not a finite number within its limit."""
    requirement = (limit or FINITE).text
    if isinstance(given, np.ndarray) and given.ndim == 0:
        given = given.item()
    if isinstance(given, bool) or not isinstance(given, numbers.Real):
        raise type_error(function, name, requirement, type(given).__name__, "Pass a number.")
    value = _float(given)
    if math.isinf(value):
        requirement = FINITE.text
    if not math.isfinite(value) or (limit is not None and not limit.contains(value)):
        raise value_error(function, name, requirement, shown(given))
    return value


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


# --- shapes -----------------------------------------------------------------------------------
def _layout(
    request: Request, shapes: dict[str, Shape], kinds: dict[str, str]
) -> tuple[int | None, Shape, Shape, bool]:
    if request.loss.axis is None:
        shape = _elementwise_shape(request, shapes)
        axis, unit_shape, labels = None, shape, False
    else:
        axis, shape, labels = _axis_shape(request, shapes, kinds)
        unit_shape = shape[:axis] + shape[axis + 1 :]
        _check_class_weights(request, shapes, shape[axis], labels)
    for name in ("weights", "where", *request.array_parameters()):
        given = shapes.get(name, ())
        if given != () and not _repeats_to(given, unit_shape):
            raise value_error(
                request.function,
                name,
                f"must have the shape of the unreduced loss, {unit_shape}, or its rank with axes "
                "of length 1, or be a scalar",
                f"shape {given}",
                _reshape_hint(name, given, unit_shape),
            )
    return axis, shape, unit_shape, labels


def _repeats_to(given: Shape, full: Shape) -> bool:
    """Tell whether an array of equal rank can be repeated along its axes of length 1."""
    return len(given) == len(full) and all(
        length in (wanted, 1) for length, wanted in zip(given, full, strict=True)
    )


def _elementwise_shape(request: Request, shapes: dict[str, Shape]) -> Shape:
    names = request.loss.arguments
    full = [name for name in names if shapes[name] != ()]
    if not full:
        return ()
    for name in full[1:]:
        if shapes[name] != shapes[full[0]]:
            raise value_error(
                request.function,
                f"{full[0]} and {name}",
                "must have equal shapes",
                f"{shapes[full[0]]} and {shapes[name]}",
                _reshape_hint(name, shapes[name], shapes[full[0]]),
            )
    return shapes[full[0]]


def _reshape_hint(name: str, given: Shape, wanted: Shape) -> str:
    """Advise what keeps every element beside its own partner."""
    if _without_ones(given) == _without_ones(wanted):
        return f"Pass {name}.reshape{wanted}."
    if len(given) == 2 and given == wanted[::-1]:
        return f"Pass {name}.T."
    if len(given) == len(wanted) and sorted(given) == sorted(wanted):
        return "Bring their axes into the same order."
    if math.prod(given) == math.prod(wanted):
        return "Make the shapes equal; only you know which elements belong together."
    return "Broadcast it to that shape first, if that is what is meant."


def _without_ones(shape: Shape) -> Shape:
    return tuple(length for length in shape if length != 1)


def _axis_shape(
    request: Request, shapes: dict[str, Shape], kinds: dict[str, str]
) -> tuple[int, Shape, bool]:
    loss = request.loss
    first = loss.arguments[0]
    shape = shapes[first]
    axis = _axis(request, len(shape))
    rows = shape[:axis] + shape[axis + 1 :]
    labels = False
    for name in loss.arguments[1:]:
        given = shapes[name]
        if name == "targets" and loss.takes_labels:
            labels = given == rows and not (loss.takes_probabilities and given == shape)
            if labels or (loss.takes_probabilities and given == shape):
                continue
            wanted = f"shape {rows} for class labels"
            if loss.takes_probabilities:
                wanted += f" or {shape} for probabilities"
        elif given == shape:
            continue
        else:
            wanted = f"the shape of {first}, {shape}"
        raise value_error(
            request.function, name, f"must have {wanted}", f"shape {given}", _axis_hint(axis, shape)
        )
    if labels and kinds["targets"] == "float":
        raise type_error(
            request.function,
            "targets",
            "must be integers when they have one label per row",
            "a floating-point dtype",
            f"Convert them to an integer dtype; probabilities have shape {shape}.",
        )
    return axis, shape, labels


def _axis_hint(axis: int, shape: Shape) -> str:
    return f"The class axis is {axis}, with {shape[axis]} classes; choose another with axis=."


def _axis(request: Request, ndim: int) -> int:
    given = request.axis
    if isinstance(given, bool) or not isinstance(given, numbers.Integral):
        raise type_error(request.function, "axis", "must be an integer", shown(given))
    if ndim == 0:
        raise value_error(
            request.function,
            request.loss.arguments[0],
            "must have a class axis",
            "a 0-d array",
            "Pass an array with at least one dimension.",
        )
    if not -ndim <= int(given) < ndim:
        raise value_error(
            request.function, "axis", f"must be from {-ndim} to {ndim - 1}", shown(given)
        )
    return int(given) % ndim


def _check_class_weights(
    request: Request, shapes: dict[str, Shape], classes: int, labels: bool
) -> None:
    given = shapes.get("class_weights")
    if given is None:
        return
    if not (labels or request.loss.weighs_classes):
        raise value_error(
            request.function,
            "class_weights",
            "must be None with probability targets",
            f"shape {given}",
            "Give the formula a parameter *, class_weights=None to multiply its terms with.",
        )
    if given != (classes,):
        raise value_error(
            request.function,
            "class_weights",
            f"must have one weight per class, shape ({classes},)",
            f"shape {given}",
        )


# --- dtypes -----------------------------------------------------------------------------------
def _result_dtype(request: Request, backend: Backend, natural: str) -> str:
    if request.dtype is None:
        return natural
    name = _dtype_name(backend, request.dtype)
    if name not in _FLOATS or not backend.has_dtype(name):
        error = value_error if name or isinstance(request.dtype, str) else type_error
        raise error(
            request.function,
            "dtype",
            "must be a floating-point dtype of the arrays' library",
            shown(request.dtype),
            "For example dtype='float32'.",
        )
    return name


def _dtype_name(backend: Backend, given: Any) -> str:
    """Return the name of a dtype of the backend's library or of NumPy; "" for what is none."""
    if given is float:
        return "float64" if backend.has_dtype("float64") else backend.default_float()
    if isinstance(given, str) and given in _FLOATS:
        return given
    by_name = isinstance(given, (str, type, np.dtype))
    try:
        return np.dtype(given).name if by_name else backend.dtype_name_of(given)
    except (TypeError, ValueError):
        return ""
