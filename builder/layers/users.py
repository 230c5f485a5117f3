"""Accounts of the device. None of them gets a password here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from builder.layers.site import Layer, Site, code_digest
from builder.recipe.software import User


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersLayer(Layer):
    """The accounts that a recipe names."""

    users: tuple[User, ...]
    name: str = "users"

    def parts(self) -> Mapping[str, str]:
        """Each user as the recipe describes it."""
        described = {
            f"user {user.name}": user.model_dump_json(exclude={"console_password"}, exclude_none=True)
            for user in self.users
        }
        return {**described, "code": code_digest(UsersLayer)}

    def build(self, site: Site) -> None:
        """Make the accounts, locked, and lay down public keys."""
        for user in self.users:
            site.inside().run(_useradd(user), why=f"make the account {user.name}")
            if user.authorized_keys:
                home = user.home or f"/home/{user.name}"
                path = f"{home}/.ssh/authorized_keys"
                keys = "".join(f"{key}\n" for key in user.authorized_keys).encode()
                inside = site.inside()
                inside.run(("install", "-d", "-m", "0700", f"{home}/.ssh"), why="make .ssh", user=user.name)
                install = ("install", "-m", "0600", "/dev/stdin", path)
                inside.run(install, why=f"lay down the keys of {user.name}", user=user.name, stdin=keys)


def _useradd(user: User) -> tuple[str, ...]:
    shell = user.shell or ("/usr/sbin/nologin" if user.system else "/bin/bash")
    kind = ("--system", "--no-create-home") if user.system else ("--create-home",)
    home = ("--home-dir", user.home) if user.home else ()
    groups = ("--groups", ",".join(user.groups)) if user.groups else ()
    number = ("--uid", str(user.id)) if user.id else ()
    return ("useradd", *kind, *number, "--user-group", "--shell", shell, *home, *groups, user.name)
