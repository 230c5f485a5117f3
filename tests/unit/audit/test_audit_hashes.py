"""Passwords tried against hashes that perl's crypt() and Django made."""

from __future__ import annotations

import pytest

from builder.audit.hashes import can_try, fits

MADE = {
    "changeme": "$6$saltsalt$XfDjcODbNwh18F961gnY3h57N.LVD8n2SQ1Me6kjP7kHT6Gw.3k62XiIDH0H5JIpBtLyKwQqeisy0oi3As7q3.",
    "bob": "$y$j75$saltsalt$rF4qPFyS8LZ40eryDsYYHsQVvTfSOmd.L0./NUv0tu5",
    "raspberry": "$1$saltsalt$Gan9glI3ghan.hsfDW8RM1",
    "admin": "$5$rounds=1000$saltsalt$AaBLO5ExCC3GHuSZJSRQSXJabwtG27DZBw.fGyB1q/9",
    "toor": "$2b$04$abcdefghijklmnopqrstuuclfgSBvJ6CNMDTLw8io.6PwqED.y4NW",
    "g0adm1n": "pbkdf2_sha256$1000$c2FsdHNhbHQ$jnUG1Nzvc54DPxIcSO+ImmPq5ci0bhBdtuOLQEw/B2c=",
}


@pytest.mark.parametrize(("password", "hashed"), MADE.items(), ids=[hashed[:8] for hashed in MADE.values()])
def test_only_the_right_password_fits(password: str, hashed: str) -> None:
    assert can_try(hashed)
    assert fits(password, hashed)
    assert not fits(f"{password}1", hashed)


@pytest.mark.parametrize(
    "hashed",
    [
        MADE["changeme"].replace("$6$", "$6$rounds=999999999$"),
        MADE["bob"].replace("$j75$", "$jKT$"),
        MADE["toor"].replace("$04$", "$31$"),
        MADE["g0adm1n"].replace("$1000$", "$999999999$"),
    ],
    ids=["sha512", "yescrypt", "bcrypt", "pbkdf2"],
)
def test_a_hash_that_would_take_for_ever_is_not_tried(hashed: str) -> None:
    assert not can_try(hashed)
    assert not fits("changeme", hashed)


@pytest.mark.parametrize("hashed", ["", "x", "*", "!", "NOT_SPECIFIED", "$6$", "abJnggxhB/yWI"])
def test_what_is_no_hash_fits_nothing(hashed: str) -> None:
    assert not can_try(hashed)
    assert not fits("changeme", hashed)
