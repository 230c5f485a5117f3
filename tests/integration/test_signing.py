"""Signatures as gpg makes them and gpgv judges them, with keys that live for one test."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from builder.checksums import CHECKSUMS, check_sums, read_sums
from builder.disk.image import Stretch, descriptor
from builder.errors import ArtifactError, HostError
from builder.progress import Reporter
from builder.signing import SIGNATURE, check_signature, sign_sums, trusted_keyring
from builder.units import SECTOR

LONG_AGO = ("--faked-system-time", "20200101T000000")


@dataclass(frozen=True)
class Keys:
    """A gpg with a home of its own."""

    home: Path

    def gpg(self, *arguments: str) -> bytes:
        command = ["gpg", "--batch", "--yes", "--passphrase", "", "--pinentry-mode", "loopback", *arguments]
        environment = {**os.environ, "GNUPGHOME": str(self.home)}
        return subprocess.run(command, env=environment, check=True, capture_output=True).stdout

    def make(self, name: str, *, until: str = "never", when: tuple[str, ...] = ()) -> str:
        """A new key; returns its fingerprint."""
        self.gpg(*when, "--quick-generate-key", name, "ed25519", "sign", until)
        records = self.gpg("--list-keys", "--with-colons", f"={name}").decode().splitlines()
        return next(record.split(":")[9] for record in records if record.startswith("fpr:"))

    def export(self, *fingerprints: str, armour: bool = False) -> bytes:
        return self.gpg(*(["--armor"] if armour else []), "--export", *fingerprints)

    def sign(self, directory: Path, *options: str) -> None:
        output = ("--output", str(directory / SIGNATURE))
        self.gpg(*options, *output, "--detach-sign", str(directory / CHECKSUMS))

    def revoke(self, fingerprint: str) -> None:
        made = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        certificate = self.home / "revocation"
        certificate.write_text(made.replace(":-----BEGIN", "-----BEGIN"))
        self.gpg("--import", str(certificate))


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keys]:
    # The agent's socket lies in the home, and the path of a socket is short.
    with TemporaryDirectory(prefix="keys-") as home:
        monkeypatch.setenv("GNUPGHOME", home)
        try:
            yield Keys(Path(home))
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A directory with two files and their checksums."""
    directory = tmp_path / "dist"
    directory.mkdir()
    for name in ("small.img", "manifest.json"):
        (directory / name).write_text(name)
    sums = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("manifest.json", "small.img")}
    (directory / CHECKSUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    return directory


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    return tmp_path / "trusted.gpg"


def test_a_good_signature_tells_who_and_when(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keys.make("Ministère <cards@example.org>")
    assert sign_sums(dist, fingerprint) == dist / SIGNATURE
    keyring.write_bytes(keys.export(fingerprint))
    signature = check_signature(dist, keyring)
    assert signature.signer == "Ministère <cards@example.org>"
    assert signature.fingerprint == fingerprint
    assert signature.made >= (dist / CHECKSUMS).stat().st_mtime - 1
    assert [path.name for path in dist.iterdir() if path.name.startswith(".")] == []


def test_a_subkey_signs_for_its_primary_key(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keys.make("Maker")
    keys.gpg("--quick-add-key", fingerprint, "ed25519", "sign", "never")
    sign_sums(dist, fingerprint)
    keyring.write_bytes(keys.export(fingerprint))
    assert check_signature(dist, keyring).fingerprint == fingerprint


@pytest.mark.parametrize("form", ["binary", "armoured", "two armoured", "mixed", "keybox"])
def test_keyrings_may_have_every_usual_form(keys: Keys, dist: Path, keyring: Path, form: str) -> None:
    maker, other = keys.make("Maker"), keys.make("Other")
    sign_sums(dist, maker)
    forms: dict[str, Callable[[], bytes]] = {
        "binary": lambda: keys.export(maker, other),
        "armoured": lambda: keys.export(maker, armour=True).replace(b"\n\n", b"\nComment: a header\n\n", 1),
        "two armoured": lambda: keys.export(other, armour=True) + keys.export(maker, armour=True),
        "mixed": lambda: keys.export(maker) + keys.export(other, armour=True),
        "keybox": (keys.home / "pubring.kbx").read_bytes,
    }
    keyring.write_bytes(forms[form]())
    assert check_signature(dist, keyring).fingerprint == maker


def test_the_users_own_keyring_is_not_trusted(keys: Keys, dist: Path, keyring: Path) -> None:
    maker, other = keys.make("Maker"), keys.make("Other")
    sign_sums(dist, maker)
    (keys.home / "trustedkeys.gpg").write_bytes(keys.export(maker))
    keyring.write_bytes(keys.export(other))
    with pytest.raises(ArtifactError, match="a key that is not in") as caught:
        check_signature(dist, keyring)
    assert maker in str(caught.value.hint)


def test_one_trusted_signer_of_two_is_enough(keys: Keys, dist: Path, keyring: Path) -> None:
    maker, other = keys.make("Maker"), keys.make("Other")
    keys.sign(dist, "--local-user", other, "--local-user", maker)
    keyring.write_bytes(keys.export(maker))
    assert check_signature(dist, keyring).fingerprint == maker


def test_changed_sums_are_told(keys: Keys, dist: Path, keyring: Path) -> None:
    keyring_of(keys, dist, keyring)
    with (dist / CHECKSUMS).open("a") as file:
        file.write(f"{'0' * 64}  more.img\n")
    with pytest.raises(ArtifactError, match="was changed after Maker had signed it"):
        check_signature(dist, keyring)


def test_an_expired_key_is_told(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keys.make("Maker", until="20200103T000000", when=LONG_AGO)
    keys.sign(dist, *LONG_AGO, "--local-user", fingerprint)
    keyring.write_bytes(keys.export(fingerprint))
    with pytest.raises(ArtifactError, match="a key of Maker that has expired"):
        check_signature(dist, keyring)


def test_an_expired_signature_is_told(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keys.make("Maker", when=LONG_AGO)
    keys.sign(dist, *LONG_AGO, "--default-sig-expire", "2d", "--local-user", fingerprint)
    keyring.write_bytes(keys.export(fingerprint))
    with pytest.raises(ArtifactError, match=r"the signature of .* by Maker has expired"):
        check_signature(dist, keyring)


def test_a_revoked_key_is_told(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keyring_of(keys, dist, keyring)
    keys.revoke(fingerprint)
    keyring.write_bytes(keys.export(fingerprint))
    with pytest.raises(ArtifactError, match="a key that Maker has revoked"):
        check_signature(dist, keyring)


def test_a_signature_with_a_broken_digest_is_told(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keys.make("Maker")
    keys.sign(dist, "--digest-algo", "SHA1", "--local-user", fingerprint)
    keyring.write_bytes(keys.export(fingerprint))
    with pytest.raises(ArtifactError, match="cannot be checked"):
        check_signature(dist, keyring)


def test_a_clock_that_is_behind_does_not_matter(keys: Keys, dist: Path, keyring: Path) -> None:
    tomorrow = ("--faked-system-time", "20900101T000000")
    fingerprint = keys.make("Maker", when=tomorrow)
    keys.sign(dist, *tomorrow, "--local-user", fingerprint)
    keyring.write_bytes(keys.export(fingerprint))
    assert check_signature(dist, keyring).signer == "Maker"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "is not signed"), (b"", "is not an OpenPGP signature"), (b"nonsense", "is not an OpenPGP signature")],
)
def test_no_signature_is_told(keys: Keys, dist: Path, keyring: Path, content: bytes | None, said: str) -> None:
    keyring.write_bytes(keys.export(keys.make("Maker")))
    if content is not None:
        (dist / SIGNATURE).write_bytes(content)
    with pytest.raises(ArtifactError, match=said):
        check_signature(dist, keyring)


def test_a_message_that_contains_other_sums_is_no_signature(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keys.make("Maker")
    keys.gpg("--output", str(dist / SIGNATURE), "--local-user", fingerprint, "--sign", str(dist / CHECKSUMS))
    keyring.write_bytes(keys.export(fingerprint))
    (dist / CHECKSUMS).write_text(f"{'0' * 64}  small.img\n")
    with pytest.raises(ArtifactError, match="is not an OpenPGP signature"):
        check_signature(dist, keyring)


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!\n"])
def test_what_is_no_keyring_is_refused(keys: Keys, dist: Path, keyring: Path, content: bytes) -> None:
    sign_sums(dist, keys.make("Maker"))
    keyring.write_bytes(content)
    with pytest.raises(HostError, match="holds no public OpenPGP key"):
        check_signature(dist, keyring)


def test_an_absent_keyring_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(HostError, match="nobody is trusted yet"):
        trusted_keyring(None)
    (tmp_path / "satchel").mkdir()
    (tmp_path / "satchel" / "trusted.gpg").touch()
    assert trusted_keyring(None) == tmp_path / "satchel" / "trusted.gpg"
    with pytest.raises(HostError, match="absent"):
        trusted_keyring("absent")


@pytest.mark.parametrize("key", ["nobody", None])
def test_a_key_that_is_not_here_is_told(keys: Keys, dist: Path, key: str | None) -> None:
    assert keys.home.is_dir()
    (dist / SIGNATURE).write_text("an older one")
    with pytest.raises(HostError, match="its secret part is not here"):
        sign_sums(dist, key)
    assert (dist / SIGNATURE).read_text() == "an older one"


def test_an_expired_key_does_not_sign(keys: Keys, dist: Path) -> None:
    fingerprint = keys.make("Maker", until="20200103T000000", when=LONG_AGO)
    with pytest.raises(HostError, match=r"could not be signed with the key .*: it has expired, is revoked"):
        sign_sums(dist, fingerprint)


def test_a_key_that_nobody_can_open_does_not_sign(keys: Keys, dist: Path) -> None:
    # Without a terminal or a display nobody can be asked for the passphrase.
    keys.gpg("--passphrase", "secret", "--quick-generate-key", "Maker", "ed25519", "sign", "never")
    subprocess.run(["gpgconf", "--homedir", str(keys.home), "--kill", "gpg-agent"], check=True)
    (keys.home / "gpg-agent.conf").write_text("pinentry-program /bin/false\n")
    with pytest.raises(HostError, match="could not be signed with the default key of gpg"):
        sign_sums(dist, None)
    assert not (dist / SIGNATURE).exists()


def test_programs_that_are_missing_are_named(
    keys: Keys, dist: Path, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring_of(keys, dist, keyring)
    with monkeypatch.context() as without_programs:
        without_programs.setenv("PATH", str(dist))
        with pytest.raises(HostError, match="gpgv is not installed"):
            check_signature(dist, keyring)
        with pytest.raises(HostError, match="gpg is not installed"):
            sign_sums(dist, None)


def test_whole_files_pass(dist: Path) -> None:
    assert check_sums(dist, Reporter()) == ("manifest.json", "small.img")
    (dist / "manifest.json").unlink()
    assert check_sums(dist, Reporter(), only={"small.img"}) == ("small.img",)


def test_everything_wrong_with_files_is_told_at_once(dist: Path) -> None:
    (dist / "small.img").write_text("smaller")
    (dist / "manifest.json").unlink()
    with pytest.raises(ArtifactError) as caught:
        check_sums(dist, Reporter(), only={"small.img", "manifest.json", "other.img"})
    told = str(caught.value)
    assert "small.img: changed" in told
    assert "manifest.json: missing" in told
    assert "other.img: SHA256SUMS does not name it" in told


@pytest.mark.parametrize("line", ["", f"{'0' * 64}  ../../etc/shadow", f"{'0' * 64}  a\\nb", f"{'0' * 63}  a"])
def test_a_list_that_is_none_is_refused(dist: Path, line: str) -> None:
    (dist / CHECKSUMS).write_text(line and f"{line}\n")
    with pytest.raises(ArtifactError, match="not a list of checksums"):
        read_sums(dist)


def test_a_directory_without_a_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="has no SHA256SUMS"):
        check_sums(tmp_path, Reporter())


def satchel(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """What a person sees: exit status, results, errors."""
    command = [sys.executable, "-m", "builder", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=dict(os.environ))
    return done.returncode, done.stdout, done.stderr


def test_a_person_signs_and_another_one_checks(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keys.make("École <cards@example.org>")
    keyring.write_bytes(keys.export(fingerprint, armour=True))
    status, out, err = satchel("sign", "dist", "--key", fingerprint, cwd=dist.parent)
    assert (status, out) == (0, f"dist/{SIGNATURE}\n"), err
    status, out, err = satchel("verify-signature", "dist", "--keyring", str(keyring), cwd=dist.parent)
    assert status == 0, err
    assert out.startswith("signed by École <cards@example.org>, ")
    assert out.endswith("whole     manifest.json, small.img\n")
    (dist / "manifest.json").unlink()
    check_one = ("verify-signature", "dist/small.img", "--keyring", str(keyring), "--json")
    status, out, err = satchel(*check_one, cwd=dist.parent)
    assert (json.loads(out)["fingerprint"], json.loads(out)["files"]) == (fingerprint, ["small.img"]), err
    (dist / "small.img").write_text("another")
    assert satchel(*check_one, cwd=dist.parent)[0] == 10
    status, out, err = satchel("sign", "dist", cwd=dist.parent)
    assert status == 10
    assert "small.img: changed" in err
    assert "Traceback" not in err


def keyring_of(keys: Keys, dist: Path, keyring: Path) -> str:
    """A signed directory and a keyring that trusts the signer; returns the fingerprint."""
    fingerprint = keys.make("Maker")
    sign_sums(dist, fingerprint)
    keyring.write_bytes(keys.export(fingerprint))
    return fingerprint


def test_of_a_split_image_every_part_is_checked(keys: Keys, dist: Path, keyring: Path) -> None:
    fingerprint = keys.make("Maker")
    keyring.write_bytes(keys.export(fingerprint))
    part, image = dist / "small.1-root.part", dist / "small.vmdk"
    part.write_bytes(bytes(SECTOR))
    stretch = Stretch(start_bytes=0, size_bytes=SECTOR, path=part, offset_bytes=0)
    image.write_text(descriptor((stretch,), identity=1))
    with (dist / CHECKSUMS).open("a") as file:
        file.writelines(f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in (part, image))
    sign_sums(dist, fingerprint)
    command = ("verify-signature", "dist/small.vmdk", "--keyring", str(keyring))
    status, out, err = satchel(*command, cwd=dist.parent)
    assert status == 0, err
    assert out.endswith("whole     small.1-root.part, small.vmdk\n")
    part.write_bytes(b"another".ljust(SECTOR))
    status, out, err = satchel(*command, cwd=dist.parent)
    assert status == 10
    assert "small.1-root.part: changed" in err
