import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.units import align_up, format_duration, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MiB", 512 << 20), ("8 GB", 8 * 10**9), ("1.5KiB", 1536), (4096, 4096), ("7", 7), ("0.5 kB", 500)],
)
def test_sizes_as_people_write_them(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "3 gib", "0.3B", "-1MiB", "1,5GiB", True])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|whole number"):
        parse_size(text)


@given(st.integers(0, 1 << 50), st.integers(1, 1 << 24))
def test_alignment_is_the_next_multiple(value: int, step: int) -> None:
    aligned = align_up(value, step)
    assert aligned % step == 0
    assert 0 <= aligned - value < step


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes_as_people_read_them(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.44, "0.4 s"), (12.3, "12 s"), (59.9, "60 s"), (185, "3 min 05 s")])
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
