"""The secrets of the seed are removed from the card, and the device's own copy altogether, once all have used it.

The copy goes because it speaks of this life only: a device that becomes somebody else later, because its card was
copied, must not be told the same code and name again. What lies on the card then says that it was taken.
"""

from __future__ import annotations

from device import own_seed
from firstboot import seed_place
from firstboot.device import Device
from firstboot.journal import Facts
from seed import document
from seed.document import SeedError


def run(device: Device) -> Facts:
    """Write over what lies on the card, then remove the copy: cut off in between, it is done again from the copy."""
    seed = own_seed.load(device.paths)
    card = seed_place.on_card(device)
    if seed is not None and card is not None and not _is_empty(device):
        seed_place.clear_card(card, seed)
    own_seed.forget(device.paths)
    return {}


def _is_empty(device: Device) -> bool:
    """Nothing lies there, as on a device that was told by a seed disk. What cannot be understood is not nothing."""
    found = seed_place.read_card(device)
    try:
        return found is None or found.seed() is None
    except SeedError:
        return False


def look_again(device: Device) -> str:
    """What has been put on the card since, in words for the report; its secrets are removed, and it is not used."""
    found = seed_place.read_card(device)
    card = seed_place.on_card(device)
    if found is None or card is None:
        return ""
    try:
        late = found.seed()
    except SeedError:
        return f"There is a {document.FILE} that came too late and cannot be read. Remove it: it may hold secrets."
    if late is None or late.taken:
        return ""
    if document.has_secrets(late):
        seed_place.clear_card(card, late)
        return "A seed was put on this card after its first start. It was not used; its secrets were removed."
    return "A seed was put on this card after its first start. It is not used."
