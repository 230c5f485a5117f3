"""Independent work side by side: programs and pure Python on all processors, one error for all of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from builder.host.command import Programs

Result = TypeVar("Result")
Job = Callable[[], Result]


def together(jobs: Mapping[str, Job[Result]]) -> dict[str, Result]:
    """Do all jobs, as many at a time as there are processors, and return their results by name.

    When one fails, or the whole is interrupted, those that have not begun never begin, the programs that others run are
    ended, and the first error is raised when all is quiet.
    """
    programs = Programs()
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        futures = {name: pool.submit(programs.around(job)) for name, job in jobs.items()}
        try:
            for future in as_completed(futures.values()):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            programs.end()
            raise
    return {name: future.result() for name, future in futures.items()}
