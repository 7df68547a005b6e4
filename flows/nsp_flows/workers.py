"""The processes of a local run: one thread each, and gone as soon as the run is.

Nothing heavy is imported here: the process that only carries messages needs neither arrays nor torch.
"""

from __future__ import annotations

import os
from multiprocessing import parent_process
from threading import Thread

__all__ = ["end_with_parent", "start_worker"]


def start_worker() -> None:
    """Prepare a worker process of the pool, which already uses every core."""
    end_with_parent()
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)


def end_with_parent() -> None:
    """Make this process end when the run that started it does, however that ended.

    A run that is killed cannot tell its workers. Left alone they would finish what is queued, writing to the folder in
    which the run may already have been started again, and then wait forever.
    """
    Thread(target=_exit_after_parent, name="end with parent", daemon=True).start()


def _exit_after_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
