"""What describes an array in the key of a cached call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: From the type of an array to the function that describes one, filled in by host backends.
DESCRIBE: dict[type, Callable[[Any], Any]] = {
    type(None): lambda x: None,
    # Python's numbers are equal whatever their type (True == 1 == 1.0), and so is -0.0 to 0.0.
    bool: lambda x: (bool, x),
    int: lambda x: (int, x),
    float: lambda x: (float, x or str(x)),
    np.ndarray: lambda x: (x.dtype, x.shape, x.strides),
    **dict.fromkeys((np.float32, np.float64), lambda x: (x.dtype, (), True)),
}
