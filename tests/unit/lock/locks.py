"""Locks to test with."""

from __future__ import annotations

import hashlib

from builder.lock.model import Content, Deb, Lock, Wheel


def deb(name: str, version: str = "1", *, source: str = "", size_bytes: int = 1024) -> Deb:
    source = source or name
    return Deb(
        name=name,
        version=version,
        architecture="amd64",
        size_bytes=size_bytes,
        sha256=hashlib.sha256(f"{name} {version}".encode()).hexdigest(),
        file=f"pool/main/{source[0]}/{source}/{name}_{version}_amd64.deb",
    )


def wheel(name: str, version: str = "1") -> Wheel:
    return Wheel(
        venv="/opt/kolibri",
        name=name,
        version=version,
        size_bytes=2048,
        sha256=hashlib.sha256(f"{name}=={version}".encode()).hexdigest(),
        file=f"{name}-{version}-py3-none-any.whl",
    )


def content(source: int, description: str = "a channel") -> Content:
    return Content(source=source, digest=hashlib.sha256(description.encode()).hexdigest(), description=description)


def lock(
    *,
    tools: tuple[Deb, ...] = (),
    base: tuple[Deb, ...] = (),
    apt: tuple[Deb, ...] = (),
    wheels: tuple[Wheel, ...] = (),
    contents: tuple[Content, ...] = (),
    inputs: dict[str, str] | None = None,
) -> Lock:
    return Lock(
        recipe="small",
        date=1_700_000_000,
        inputs=inputs or {},
        tools=tools,
        base=base,
        apt=apt,
        wheels=wheels,
        content=contents,
    )
