"""Starting fast: what a command that ends soon need not pay for."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Spare the garbage collector where everything that is made is also kept.

    What was made is frozen at the end: the collector would look it all through at once.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
