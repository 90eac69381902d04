"""Counters over a sliding window in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Hashable)


class DistinctWindow(Generic[K, T]):
    """Per key, the distinct targets seen in the last `window_us`. Beyond `keys_max` the key
    longest unused is forgotten; beyond `targets_max` the oldest target of that key."""

    def __init__(self, window_us: int, targets_max: int, keys_max: int = 1_024) -> None:
        self._window_us = window_us
        self._targets_max = targets_max
        self._keys_max = keys_max
        self._keys: OrderedDict[K, OrderedDict[T, int]] = OrderedDict()

    def add(self, key: K, target: T, now_us: int) -> int:
        targets = self._keys.get(key)
        if targets is None:
            targets = self._keys[key] = OrderedDict()
            if len(self._keys) > self._keys_max:
                self._keys.popitem(last=False)
        else:
            self._keys.move_to_end(key)
        targets[target] = now_us
        targets.move_to_end(target)
        if len(targets) > self._targets_max:
            targets.popitem(last=False)
        return self.count(key, now_us)

    def discard(self, key: K, target: T) -> None:
        targets = self._keys.get(key)
        if targets is not None:
            targets.pop(target, None)
            if not targets:
                del self._keys[key]

    def count(self, key: K, now_us: int) -> int:
        targets = self._keys.get(key)
        if targets is None:
            return 0
        horizon = now_us - self._window_us
        while targets:
            oldest = next(iter(targets))
            if targets[oldest] >= horizon:
                break
            del targets[oldest]
        if not targets:
            del self._keys[key]
        return len(targets)


class RateWindow(Generic[K]):
    """Per key, how many events fell in the last `window_us`; exact up to `events_max`."""

    def __init__(self, window_us: int, events_max: int, keys_max: int = 1_024) -> None:
        self._window_us = window_us
        self._events_max = events_max
        self._keys_max = keys_max
        self._keys: OrderedDict[K, deque[int]] = OrderedDict()

    def add(self, key: K, now_us: int) -> int:
        events = self._keys.get(key)
        if events is None:
            events = self._keys[key] = deque(maxlen=self._events_max)
            if len(self._keys) > self._keys_max:
                self._keys.popitem(last=False)
        else:
            self._keys.move_to_end(key)
        events.append(now_us)
        return self.count(key, now_us)

    def count(self, key: K, now_us: int) -> int:
        events = self._keys.get(key)
        if events is None:
            return 0
        horizon = now_us - self._window_us
        while events and events[0] < horizon:
            events.popleft()
        return len(events)
