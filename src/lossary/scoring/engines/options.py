"""Which engine to use, and how."""

from __future__ import annotations

from dataclasses import dataclass

#: The libraries that engines need, to import and to install, by the name of the engine's module.
ENGINES = {
    "local": ("pyarrow", "pyarrow"),
    "dask": ("distributed", "distributed"),
    "spark": ("pyspark", "pyspark-client"),
    "ray": ("ray", "ray"),
}


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an engine is made from.

    Attributes
    ----------
    name : str
        The name of the engine.
    workers : int, optional
        The number of workers; by default that of the cores here, or of all those elsewhere.
    scheduler : str, optional
        The address of the engine, unless it is started here.
    """

    name: str = "local"
    workers: int | None = None
    scheduler: str | None = None
