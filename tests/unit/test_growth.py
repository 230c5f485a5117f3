"""The tree of a recipe, out of layers that the cache may have lost."""

from pathlib import Path

import pytest

from builder.errors import BuildFailed
from builder.growth import Growth
from builder.host.store import Store
from builder.lock.model import Lock
from builder.plan.layers import PlannedLayer
from builder.recipe.software import Architecture


def test_a_tree_without_one_of_its_layers_is_none(tmp_path: Path) -> None:
    lost = PlannedLayer(name="apt", key="1" * 64, parts={}, reused=True, reason="")
    lock = Lock(recipe="a", date=0, inputs={}, tools=(), base=(), apt=(), wheels=(), content=())
    growth = Growth(
        layers=(),
        planned=(lost,),
        store=Store("layers", root=tmp_path),
        lock=lock,
        architecture=Architecture.AMD64,
    )
    with pytest.raises(BuildFailed, match="the layer apt left the cache"):
        growth.stack()
