from collections.abc import Mapping
from dataclasses import dataclass

from builder.plan.layers import plan_layers, render


@dataclass(frozen=True)
class Made:
    key: str
    name: str
    parts: Mapping[str, str]


BASE = ("base", {"suite": "trixie"})
APT = ("apt", {"package less": ""})
FILES = ("overlay pc", {"overlays/pc/etc/a": "1"})


def made(*layers: tuple[str, dict[str, str]]) -> list[Made]:
    planned = plan_layers(layers, foundation="tools", known=())
    return [Made(layer.key, layer.name, layer.parts) for layer in planned]


def reasons(*layers: tuple[str, dict[str, str]], known: list[Made], foundation: str = "tools") -> list[str]:
    return [layer.reason for layer in plan_layers(layers, foundation=foundation, known=known)]


def test_nothing_was_made_yet() -> None:
    assert reasons(BASE, APT, known=[]) == ["never made", "never made"]


def test_everything_is_reused() -> None:
    assert reasons(BASE, APT, FILES, known=made(BASE, APT, FILES)) == ["reused"] * 3


def test_a_change_remakes_its_layer_and_the_ones_above() -> None:
    changed = ("apt", {"package less": "", "package nano": ""})
    assert reasons(BASE, changed, FILES, known=made(BASE, APT, FILES)) == [
        "reused",
        "package nano added",
        "a layer below changed",
    ]


def test_other_tools_remake_everything() -> None:
    assert reasons(BASE, APT, known=made(BASE, APT), foundation="newer tools") == ["a layer below changed"] * 2


def test_the_plan_says_what_will_be_made() -> None:
    known = made(BASE)
    planned = plan_layers((BASE, FILES), foundation="tools", known=known)
    first, second = (layer.key[:12] for layer in planned)
    assert render(planned) == f"  base        {first}  reused\n  overlay pc  {second}  make: never made"


def keys(*layers: tuple[str, dict[str, str]]) -> dict[str, str]:
    planned = plan_layers(layers, foundation="tools", known=(), apart={"content"})
    return {layer.name: layer.key for layer in planned}


def test_a_layer_apart_stays_when_what_lies_below_changes() -> None:
    content = ("content", {"channel a": "1"})
    before, after = keys(BASE, content, FILES), keys(("base", {"suite": "forky"}), content, FILES)
    assert before["content"] == after["content"]
    assert before["overlay pc"] != after["overlay pc"]


def test_what_lies_above_depends_on_a_layer_apart() -> None:
    before, after = keys(BASE, ("content", {"channel a": "1"}), FILES), keys(BASE, ("content", {"a": "2"}), FILES)
    assert before["base"] == after["base"]
    assert before["overlay pc"] != after["overlay pc"]
