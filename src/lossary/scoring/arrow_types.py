"""Kinds of Arrow types, and conversions between types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa


def is_text(arrow_type: Any) -> bool:
    """Return whether values of the type are text."""
    return bool(pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type))


def is_list(arrow_type: Any) -> bool:
    """Return whether values of the type are lists."""
    return bool(
        pa.types.is_list(arrow_type)
        or pa.types.is_large_list(arrow_type)
        or pa.types.is_fixed_size_list(arrow_type)
    )


def is_numeric(arrow_type: Any) -> bool:
    """Return whether losses can be computed from values of the type; booleans are 0 and 1."""
    types = pa.types
    return bool(
        types.is_integer(arrow_type)
        or types.is_floating(arrow_type)
        or types.is_boolean(arrow_type)
        or types.is_decimal(arrow_type)
        or types.is_null(arrow_type)
    )


@lru_cache(maxsize=256)
def is_comparable(arrow_type: Any) -> bool:
    """Return whether Arrow can tell which values of the type are equal."""
    try:
        pa.array([], arrow_type).dictionary_encode()
    except pa.ArrowNotImplementedError:
        return False
    return True


def dictionary_decoded(column: Any) -> Any:
    """Return a column with its values in place of dictionary indices."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def value_type(arrow_type: Any) -> Any:
    """Return the type of the values of a dictionary type; any other type unchanged."""
    return arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type


def common_types(schemas: Sequence[Any]) -> dict[str, Any]:
    """Return, by name, a type for each column that fits all schemas: text if no other does."""
    found: dict[str, list[Any]] = {}
    for schema in schemas:
        for field in schema:
            found.setdefault(field.name, []).append(without_views(field.type))
    return {name: _common_type(types) for name, types in found.items()}


def _common_type(types: list[Any]) -> Any:
    if len(set(types)) == 1:
        return types[0]
    schemas = [pa.schema([("column", item)]) for item in dict.fromkeys(map(value_type, types))]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowTypeError:
        return pa.string()


def without_views(arrow_type: Any) -> Any:
    """Return a type without views, which Polars writes and few of Arrow's functions accept."""
    types = pa.types
    if types.is_string_view(arrow_type):
        return pa.large_string()
    if types.is_binary_view(arrow_type):
        return pa.large_binary()
    if types.is_struct(arrow_type):
        return pa.struct([(field.name, without_views(field.type)) for field in arrow_type])
    if not (types.is_dictionary(arrow_type) or is_list(arrow_type)):
        return arrow_type
    inside = without_views(arrow_type.value_type)
    if types.is_dictionary(arrow_type):
        return pa.dictionary(arrow_type.index_type, inside, arrow_type.ordered)
    if types.is_large_list(arrow_type):
        return pa.large_list(inside)
    size = arrow_type.list_size if types.is_fixed_size_list(arrow_type) else -1
    return pa.list_(inside, size)


def batch_without_views(batch: Any) -> Any:
    """Return a record batch without columns of views."""
    types = [without_views(item) for item in batch.schema.types]
    if types == batch.schema.types:
        return batch
    columns = [_cast_views(column, item) for column, item in zip(batch.columns, types, strict=True)]
    return pa.record_batch(columns, names=batch.schema.names)


def _cast_views(column: Any, arrow_type: Any) -> Any:
    if column.type == arrow_type:
        return column
    if pa.types.is_dictionary(arrow_type):
        values = column.dictionary.cast(arrow_type.value_type)
        return pa.DictionaryArray.from_arrays(column.indices, values, ordered=arrow_type.ordered)
    return column.cast(arrow_type)


def table_of_rows(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """Return rows of Python values as a table; a column of several types is text."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pa.Table.from_arrays([_array(list(column)) for column in columns], names=[*names])


def _array(values: list[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])
