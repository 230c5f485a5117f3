import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import ArtifactError
from builder.lock.text import lock_text, parse_lock, read_lock, write_lock

from .locks import content, deb, lock, wheel

WHOLE = lock(
    tools=(deb("mtools"),),
    base=(deb("libc6", "2.41-12+deb13u4"), deb("passwd", "1:4.17.4-2")),
    apt=(deb("nano"),),
    wheels=(wheel("kolibri"),),
    contents=(content(0, 'Leçons: "été" # 1'),),
    inputs={"apt": "nano", "pip /opt/kolibri": "requirements 00"},
)


def test_a_lock_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "small.lock"
    write_lock(path, WHOLE)
    assert read_lock(path) == WHOLE
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_text() == lock_text(WHOLE)


def test_each_file_has_its_line_with_its_keys_in_order() -> None:
    (line,) = (line for line in lock_text(WHOLE).splitlines() if "passwd" in line)
    assert line == (
        '- {name: "passwd", version: "1:4.17.4-2", architecture: "amd64", size_bytes: 1024, '
        f'sha256: "{deb("passwd", "1:4.17.4-2").sha256}", file: "pool/main/p/passwd/passwd_1:4.17.4-2_amd64.deb"}}'
    )


def test_the_order_of_inputs_does_not_matter() -> None:
    turned = WHOLE.model_copy(update={"inputs": dict(reversed(WHOLE.inputs.items()))})
    assert lock_text(turned) == lock_text(WHOLE)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",))))
def test_any_text_survives(text: str) -> None:
    written = lock(inputs={"content 0": text})
    assert parse_lock(lock_text(written), Path("small.lock")) == written


def test_no_file_is_no_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "small.lock") is None


def changed(before: str, after: str) -> str:
    text = lock_text(WHOLE)
    assert before in text
    return text.replace(before, after)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed("2.41-12", "2.41-13"), "was changed by hand (its checksum does not fit)"),
        (lock_text(WHOLE) + "# a note\n", "was changed by hand (its checksum does not fit)"),
        (lock_text(WHOLE)[:200], "was changed by hand (it has no checksum)"),
        ("", "was changed by hand (it has no checksum)"),
    ],
)
def test_a_file_changed_by_hand_is_refused(text: str, message: str) -> None:
    with pytest.raises(ArtifactError) as raised:
        parse_lock(text, Path("recipes/kolibri-pc.lock"))
    assert raised.value.message == f"recipes/kolibri-pc.lock {message}"
    assert raised.value.hint == "make it again with `satchel lock kolibri-pc`"


def test_an_unfinished_merge_is_shown_with_its_line() -> None:
    text = changed("- {name: ", "<<<<<<< HEAD\n- {name: ")
    with pytest.raises(ArtifactError) as raised:
        parse_lock(text, Path("small.lock"))
    assert raised.value.message.startswith("small.lock:9: an unfinished merge")
    assert raised.value.hint is not None
    assert "then make it again with `satchel lock small.yml`" in raised.value.hint


def test_a_lock_of_another_version_says_so() -> None:
    body = lock_text(WHOLE).replace("version: 1\n", "version: 2\n").rpartition("checksum: ")[0]
    text = f"{body}checksum: {hashlib.sha256(body.encode()).hexdigest()}\n"
    with pytest.raises(ArtifactError, match="is from another version of Satchel"):
        parse_lock(text, Path("small.lock"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.lock"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_lock(path)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_lock(tmp_path / "missing" / "small.lock", WHOLE)
    (tmp_path / "small.lock").mkdir()
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_lock(tmp_path / "small.lock", WHOLE)
    assert [path.name for path in tmp_path.iterdir()] == ["small.lock"]
