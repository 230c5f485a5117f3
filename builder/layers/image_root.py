"""The top of an image that is built here: what only one machine may have is taken out, as of a system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from builder.layers import system
from builder.layers.site import Layer, Site, code_digest
from builder.layers.system import take_identity_out


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRootLayer(Layer):
    """No identity; podman brings the names of host and resolver."""

    name: str = "image root"

    def parts(self) -> Mapping[str, str]:
        """The code that cleans."""
        return {"code": code_digest(ImageRootLayer, system)}

    def build(self, site: Site) -> None:
        """Empty and remove."""
        take_identity_out(site.tree)
