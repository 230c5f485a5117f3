"""The seeds of machines in the boot test: made up anew each time, so that nothing in an image can know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seed import code, document, password
from seed.document import Facility, Seed, Wifi

from builder.recipe.model import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A seed as its text, and what a device must have become by it."""

    data: bytes
    code: str
    hostname: str
    admin_password: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def trial_seed(recipe: Recipe, shared: Mapping[str, str]) -> Trial:
    """A seed that says as much as the image of a recipe can understand; `shared` are secrets of its site, by name."""
    chosen, secret, passphrase = code.mint(), password.mint(), password.mint()
    hostname = f"trial-{chosen.lower()}"
    told = Facility(name=f"École d'essai {chosen}", location="Here", preset="formal", admin="chef")
    seed = Seed(
        image=recipe.name,
        code=chosen,
        hostname=hostname,
        timezone="Africa/Nairobi" if "tzdata" in recipe.packages.apt else None,
        facility=told if recipe.firstboot.facility else Facility(),
        wifi=Wifi(ssid="Trial", passphrase=passphrase),
        admin_password=secret,
        shared=dict(shared),
        extra={"room": "12"},
    )
    return Trial(
        data=document.render(seed),
        code=chosen,
        hostname=hostname,
        admin_password=secret,
        secrets=(secret, passphrase, *shared.values()),
    )


def common_seed(recipe: Recipe, shared: Mapping[str, str]) -> bytes:
    """A seed that says nothing but what the devices of a site share."""
    return document.render(Seed(image=recipe.name, shared=dict(shared)))
