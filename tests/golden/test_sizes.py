"""What `satchel check` says about sizes before anything is downloaded: each directory in sizes/ holds a recipe and the
whole text in plan.txt, but for what depends on this machine's disks.

The recipes take channels from a drive that is made here. SATCHEL_UPDATE_GOLDEN=1 writes the texts anew; read the
difference before committing it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from builder.errors import PlanError
from builder.kolibri.demo.channel import make_demo_channel
from builder.lock.looking import find_locked
from builder.progress import Reporter
from builder.recipe.load import load_recipe
from builder.shortages import refuse_what_does_not_fit
from builder.sizing import plan_sizes
from builder.verbs.size_plan import render

SIZES = Path(__file__).parent / "sizes"
CASES = sorted(recipe.parent.name for recipe in SIZES.glob("*/recipe.yml"))
CHANNELS = ((("en", "sw"), 12), (("en", "fr"), 20), (("es",), 6))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipes, and beside them the drive that they name."""
    copy = tmp_path_factory.mktemp("sizes") / "sizes"
    shutil.copytree(SIZES, copy)
    for languages, lessons in CHANNELS:
        make_demo_channel(copy / "usb/KOLIBRI_DATA/content", languages=languages, lessons=lessons)
    return copy


@pytest.mark.parametrize("case", CASES)
def test_plan_of_sizes(case: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(place / case)
    loaded = load_recipe(Path("recipe.yml"))
    found = find_locked(loaded, offline=False, reporter=Reporter())
    (tmp_path / "room").mkdir()
    plan = plan_sizes(
        loaded,
        found.channels,
        found.trees,
        room=tmp_path / "room",
        dist=tmp_path / "dist",
        reporter=Reporter(),
        unknown=(),
    )
    text, _, _ = render(plan, found).partition("\n\nwhat building needs here:")
    try:
        refuse_what_does_not_fit(plan)
    except PlanError as error:
        text += f"\n\nsatchel: {error}"
    assert not (tmp_path / "cache/content/storage").exists(), "nothing but databases was brought"
    golden = SIZES / case / "plan.txt"
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        golden.write_text(f"{text}\n")
    assert f"{text}\n" == golden.read_text()
