from hypothesis import given
from hypothesis import strategies as st

from builder.plan.eviction import Piece, Worth, choose_evicted, default_cap
from builder.units import GIB


def piece(
    name: str, size: int = 10, *, used: int = 0, made: int = 0, held: bool = False, worth: Worth = Worth.MADE
) -> Piece:
    return Piece(
        kind="layers", name=name, key=name, size_bytes=size, made_ns=made, used_ns=used, held=held, worth=worth
    )


def evicted(*pieces: Piece, cap: int) -> list[str]:
    return [piece.name for piece in choose_evicted(pieces, cap_bytes=cap)]


def test_what_fits_stays() -> None:
    assert evicted(piece("a"), piece("b"), cap=20) == []


def test_the_longest_unused_goes_first_and_no_more_than_needed() -> None:
    assert evicted(piece("new", used=3), piece("old", used=1), piece("middle", used=2), cap=10) == ["old", "middle"]
    assert evicted(piece("new", used=3), piece("old", used=1), piece("middle", used=2), cap=29) == ["old"]


def test_what_is_in_use_stays_however_full_it_is() -> None:
    assert evicted(piece("held", used=1, held=True), piece("free", used=2), cap=0) == ["free"]


def test_of_the_layers_of_one_run_the_upper_ones_go_first() -> None:
    assert evicted(piece("base", used=5, made=1), piece("apt", used=5, made=2), cap=10) == ["apt"]


def test_what_can_be_made_here_goes_before_what_needs_the_network() -> None:
    pieces = (
        piece("locked", used=1, worth=Worth.LOCKED),
        piece("downloaded", used=2, worth=Worth.DOWNLOADED),
        piece("made", used=3, worth=Worth.MADE),
    )
    assert evicted(*pieces, cap=0) == ["made", "downloaded", "locked"]


def test_damaged_pieces_always_go() -> None:
    assert evicted(piece("damaged", worth=Worth.DAMAGED), piece("good"), cap=100) == ["damaged"]
    assert evicted(piece("damaged", worth=Worth.DAMAGED, held=True), cap=0) == []


def test_the_default_cap_leaves_half_of_a_small_disk() -> None:
    assert default_cap(1000 * GIB) == 20 * GIB
    assert default_cap(8 * GIB) == 4 * GIB


PIECES = st.lists(
    st.builds(
        piece,
        st.uuids().map(str),
        st.integers(0, 100),
        used=st.integers(0, 5),
        held=st.booleans(),
        worth=st.sampled_from(Worth),
    )
)


@given(pieces=PIECES, cap=st.integers(0, 500))
def test_the_rest_fits_unless_it_is_in_use(pieces: list[Piece], cap: int) -> None:
    gone = choose_evicted(pieces, cap_bytes=cap)
    rest = [piece for piece in pieces if piece not in gone]
    assert not any(piece.held for piece in gone)
    assert sum(piece.size_bytes for piece in rest) <= cap or all(piece.held for piece in rest)
