"""Starting without garbage collection.

What a process imports and builds at its start stays until its end. The collector would walk through it
again and again while it grows, a fifth of the time to start, and once more in every full collection
afterwards, as a pause in the middle of an answer.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Collect nothing in the block, and never look again at what is there when it ends.

    For the starts of processes only: cycles that are garbage when the block ends stay in memory.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
