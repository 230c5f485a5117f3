"""Many machines, one after the other or two at once, with a bar; when one cannot be started, the others are ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from builder.boot.diary import Bench

Item = TypeVar("Item")
Result = TypeVar("Result")


def for_each(
    items: Sequence[Item],
    work: Callable[[Item], Result],
    bench: Bench,
    *,
    title: str,
    unit: str,
    together: bool,
    heard: Callable[[Result], None] = lambda _: None,
) -> None:
    """Do the work for every item, in threads of their own, because a machine must live and die in one.

    Args:
        items: What there is to do.
        work: Does it.
        bench: Shows progress; is told when all must end.
        title: What the bar says.
        unit: What it counts.
        together: Whether two may be done at once.
        heard: Told each result, in the caller's thread, in the order in which they come.

    Raises:
        Exception: what `work` raised.
    """
    with (
        ThreadPoolExecutor(max_workers=2 if together else 1) as pool,
        bench.reporter.amount(title, len(items), unit=unit) as advance,
    ):
        waiting: set[Future[Result]] = {pool.submit(work, item) for item in items}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    heard(future.result())
                    advance(1)
        except BaseException:
            bench.cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
