from builder.plan.changes import list_changes, list_parts


def test_parts_that_went_came_and_changed() -> None:
    old = {"package less": "", "suite": "trixie", "same": "1"}
    new = {"package nano": "", "suite": "forky", "same": "1"}
    assert list_changes(old, new) == ("- package less", "+ package nano", "~ suite: trixie -> forky")


def test_digests_are_short() -> None:
    assert list_changes({"a": "0" * 64}, {"a": "f" * 64}) == ("~ a: 000000000000 -> ffffffffffff",)


def test_long_values_are_shown_where_they_differ() -> None:
    old, new = "x" * 100 + "old" + "y" * 100, "x" * 100 + "new" + "y" * 100
    (line,) = list_changes({"recipe": old}, {"recipe": new})
    assert line.startswith("~ recipe: ...xxxxxxxxxxxxoldyyy")
    assert "-> ...xxxxxxxxxxxxnewyyy" in line
    assert len(line) < 130


def test_all_parts_are_listed_in_order() -> None:
    assert list_parts({"b": "2", "a": "first\nsecond"}) == ("  a: first second", "  b: 2")
