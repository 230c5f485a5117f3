from builder.plan.keys import difference, key_of, seed_of


def test_key_covers_every_part_and_what_lies_below() -> None:
    key = key_of({"a": "1", "b": "2"}, below="base")
    assert key == key_of({"b": "2", "a": "1"}, below="base")
    others = [
        key_of({"a": "1", "b": "3"}, below="base"),
        key_of({"a": "1"}, below="base"),
        key_of({"a": "1", "c": "2"}, below="base"),
        key_of({"a": "1", "b": "2"}, below="other"),
    ]
    assert len({key, *others}) == 5


def test_difference_names_what_changed() -> None:
    old = {"package less": "", "overlays/kolibri/x.service": "1" * 64, "code": "a"}
    new = {"package nano": "", "overlays/kolibri/x.service": "2" * 64, "code": "a"}
    assert difference(old, new) == "overlays/kolibri/x.service changed, package less removed, package nano added"
    assert difference(old, old) == ""


def test_difference_counts_what_it_does_not_name() -> None:
    many = {f"file {number}": "" for number in range(5)}
    assert difference({}, many) == "file 0 added, file 1 added, file 2 added and 2 more"


def test_seed_belongs_to_the_recipe() -> None:
    assert seed_of("a") == seed_of("a") != seed_of("b")


def test_a_version_is_shown_and_a_digest_is_not() -> None:
    old = {"deb libc6": f"2.41-12 {'a' * 16}", "overlays/pc/etc/motd": f"{'a' * 64} 0644"}
    assert difference(old, {**old, "deb libc6": f"2.41-13 {'b' * 16}"}) == "deb libc6 2.41-12 -> 2.41-13"
    assert difference(old, {**old, "deb libc6": f"2.41-12 {'b' * 16}"}) == "deb libc6 changed", "built anew"
    assert difference(old, {**old, "overlays/pc/etc/motd": f"{'b' * 64} 0644"}) == "overlays/pc/etc/motd changed"
