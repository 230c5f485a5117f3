"""What no layer of an image may have."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest
import zstandard

from builder.oci.contents import examine
from builder.oci.model import WrongImage
from tests.images import Layer, layer


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def written(tmp_path: Path, entries: Layer) -> Path:
    path = tmp_path / "layer"
    path.write_bytes(layer(entries))
    return path


def test_the_bytes_of_a_layer_are_counted_whatever_packs_it(tmp_path: Path) -> None:
    data = layer({"a": "12345", "b": None, "b/c": "678"})
    for packed in (data, gzip.compress(data), zstandard.compress(data)):
        (tmp_path / "layer").write_bytes(packed)
        assert examine(tmp_path / "layer") == 8


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"../etc/passwd": "root::0:0"}, r"would write to \.\./etc/passwd"),
        ({"a/../../b": "x"}, r"would write to a/\.\./\.\./b"),
        ({"a": entry("a", tarfile.LNKTYPE, "../../etc/shadow")}, r"has a for \.\./\.\./etc/shadow"),
        ({"dev/sda": entry("dev/sda", tarfile.BLKTYPE)}, "the device node dev/sda"),
        ({"dev/mem": entry("dev/mem", tarfile.CHRTYPE)}, "the device node dev/mem"),
    ],
)
def test_what_reaches_out_of_an_image_is_refused(tmp_path: Path, entries: Layer, words: str) -> None:
    with pytest.raises(WrongImage, match=words):
        examine(written(tmp_path, entries))


def test_links_may_lead_anywhere_because_they_are_followed_inside(tmp_path: Path) -> None:
    assert examine(written(tmp_path, {"a": entry("a", tarfile.SYMTYPE, "../../etc/passwd")})) == 0


def test_a_layer_that_was_cut_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    path.write_bytes(gzip.compress(layer({"a": "12345"}))[:60])
    with pytest.raises(WrongImage, match="damaged"):
        examine(path)
