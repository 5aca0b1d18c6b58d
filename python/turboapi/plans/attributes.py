"""The attributes of an instance, in a dictionary that tells of its changes."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Any

_LOCK = threading.Lock()
_OWN: dict[int, weakref.ref[Any]] = {}
"""Instances whose attributes are in their dictionary and nowhere else, by their id."""


def attributes_of(instance: Any) -> dict[str, Any]:
    """What `vars` gives, in a dictionary that can be watched.

    From Python 3.13 on an instance with few attributes keeps them beside its dictionary, and where one is set
    there, 3.13.0 does not tell whoever watches the dictionary. A dictionary of its own puts an end to that.
    """
    attributes: dict[str, Any] = vars(instance)
    if sys.version_info < (3, 13):
        return attributes
    with _LOCK:
        attributes = vars(instance)
        known = _OWN.get(id(instance))
        if known is None or known() is not instance:
            key = id(instance)

            def forget(gone: weakref.ref[Any]) -> None:
                if _OWN.get(key) is gone:
                    del _OWN[key]

            attributes = dict(attributes)
            # A class of the user's may have a `__setattr__` of its own.
            object.__setattr__(instance, "__dict__", attributes)
            _OWN[key] = weakref.ref(instance, forget)
        return attributes
