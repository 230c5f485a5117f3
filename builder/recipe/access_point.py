"""What a recipe says about a wireless network that the device makes. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from builder.recipe.secrets import DnsName
from builder.recipe.shapes import Name, Part, Shape

_CODES: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW "
)

COUNTRIES: Final = frozenset(_CODES.split())
"""The countries of ISO 3166, as tzdata lists them."""

LONGEST_SSID: Final = 32
"""Bytes of the name of a network (IEEE 802.11)."""


class AccessPoint(Part):
    """A wireless network that the device makes, on which every name is its own. Needs the part `lib/access-point.yml`.
    Its passphrase is never in a recipe.
    """

    country: Annotated[str, Shape(r"[A-Z]{2}", "two capital letters such as KE")] | None = None
    """Where the device works, which decides how its radio may send, if its seed does not say (`wifi.country`). Where
    neither does, there is no network."""
    ssid: Annotated[str, Field(min_length=1)] = "Satchel {code}"
    """Its name, if the seed does not say (`wifi.ssid`); `{code}` becomes the device's facility code."""
    passphrase: Name = "wifi-passphrase"
    """The secret that is its passphrase, if the seed does not say (`wifi.passphrase`)."""
    open: bool = False
    """Whether anybody may join; a passphrase in the seed closes it nevertheless."""
    channel: Annotated[int, Field(ge=1, le=11)] = 6
    """The channel, in the band of 2.4 GHz."""
    address: Annotated[
        str, Shape(r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}", "an address with its network such as 10.42.0.1/24")
    ] = "10.42.0.1/24"
    """The device's own address there, and how many bits of it are the network's."""
    name: DnsName = "kolibri.lan"
    """The name that browsers are led to."""
