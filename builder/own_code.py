"""Which of Satchel's own code decides which bytes: a part of keys, so that an edit makes anew what it may change."""

from __future__ import annotations

from typing import Final

OF_PARTITIONS: Final = ("disk", "imaging.py", "starting.py", "plan/layout.py", "plan/keys.py", "layers/system.py")
"""What decides the bytes of partitions, besides what made their content."""

OF_IMAGES: Final = (
    *OF_PARTITIONS,
    *("audit", "making.py", "contents.py", "manifest.py", "identity/reserved.py", "publication.py", "sbom.py"),
    *("azure.py", "recipe/network.py", "recipe/containers.py"),
    *("recipe/model.py", "recipe/software.py", "recipe/disk.py", "recipe/content.py"),
    *("recipe/shapes.py", "recipe/waiver.py"),
)
"""What decides an image and what stands beside it, besides its layers."""
