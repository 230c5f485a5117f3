"""Build the Kolibri layer in a tree made of this host's own programs, and print what came of it as JSON.

A program of its own, because builds under different conditions need a process each. It must be started inside the
namespace: `python -m tests.integration.kolibri.layer_once VENV ROOM`, where ROOM is an empty directory to work in.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.host.tools import Tools
from builder.layers.content import ContentLayer, content_mount
from builder.layers.kolibri import KolibriLayer
from builder.layers.site import Site
from builder.progress import Reporter
from builder.recipe.content import ContentSource, DemoChannel
from builder.recipe.load import load_recipe

from .kolibri_device import EPOCH

CONTENT = (ContentSource(demo=DemoChannel(languages=("en", "sw"), lessons=2)),)


def main(venv: Path, room: Path) -> None:
    tree, scratch = room / "tree", room / "scratch"
    scratch.mkdir()
    arrange(tree, venv)
    loaded = load_recipe(RECIPES / "kolibri-pc.yml")
    loaded = replace(loaded, recipe=loaded.recipe.model_copy(update={"content": CONTENT}))
    assert loaded.recipe.kolibri is not None
    kolibri = loaded.recipe.kolibri.model_copy(update={"venv": str(venv)})
    content = ContentLayer(kolibri=kolibri, loaded=loaded, locked=())
    layer = KolibriLayer(kolibri=kolibri, mount=content_mount(loaded))
    tools = Tools(tree=tree, identity="")
    site = Site(tree=tree, tools=tools, scratch=scratch, pool=Pool(), epoch=EPOCH, reporter=Reporter())
    content.build(site)
    layer.build(site)
    found = (path for top in ("srv", "usr/share/satchel") for path in (tree / top).rglob("*"))
    paths = {path.relative_to(tree).as_posix(): path for path in sorted(found)}
    younger = [name for name, path in paths.items() if path.lstat().st_mtime_ns > EPOCH * 10**9]
    made = {name: facts(path) for name, path in paths.items()}
    print(json.dumps({"parts": [dict(content.parts()), dict(layer.parts())], "made": made, "younger": younger}))


def arrange(tree: Path, venv: Path) -> None:
    """A tree that can run the virtual environment and has Kolibri's account; what is mounted ends with the process."""
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nkolibri:x:988:988::/srv:/usr/sbin/nologin\n")
    (tree / "etc/group").write_text("root:x:0:\nkolibri:x:988:\n")
    for name in ("dev", "proc", "run", "tmp", "var/tmp"):
        (tree / name).mkdir(parents=True)
    (tree / "var/tmp").chmod(0o1777)
    software = {Path("/usr"), venv, Path(sys.base_prefix), *Path("/").glob("*bin"), *Path("/").glob("lib*")}
    for path in sorted(software):
        inside = tree / path.relative_to("/")
        if path.is_symlink():
            inside.symlink_to(path.readlink())
        elif not path.is_relative_to("/usr") or path == Path("/usr"):
            inside.mkdir(parents=True)
            subprocess.run(["mount", "--rbind", path, inside], check=True)


def facts(path: Path) -> list[object]:
    found = path.lstat()
    body = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    time = min(found.st_mtime_ns, EPOCH * 10**9)
    return [oct(found.st_mode), found.st_uid, found.st_gid, time, body]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
