"""Independent trials on all processors."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(trial: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results in the order of the items. Processes and not threads: a Child ends with the
    thread that made it."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        return list(pool.map(trial, items))
