from pathlib import Path

from builder.build import MANIFEST, _standing


def test_what_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    assert _standing(tmp_path, "key") is None
    (tmp_path / MANIFEST).write_text('{"schema_version": 99}')
    assert _standing(tmp_path, "key") is None
