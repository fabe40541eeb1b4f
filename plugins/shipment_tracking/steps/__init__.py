"""The steps of the pipeline in the data's order, one module a step, each with one ``run``."""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    # A DAG file names its steps without importing them, and their libraries, at parse time.
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"{__name__}.{name}":
            raise AttributeError(f"there is no step {name}") from error
        raise
