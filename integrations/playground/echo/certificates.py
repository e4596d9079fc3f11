"""An authority of the playground's own, that stands in for Amazon's: nobody trusts it but who is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Certified:
    """A key and the certificates that vouch for it, its own first; the root is not among them."""

    key: Key
    certificates: tuple[x509.Certificate, ...]

    @property
    def chain_pem(self) -> bytes:
        """Give the certificates as they are served."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.certificates)

    @property
    def key_pem(self) -> bytes:
        """Give the private key, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_certified(pem: bytes) -> Certified:
    """Read a key and its certificates from one PEM text; `ValueError` if it has not both."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("this is another kind of key")  # noqa: TRY004  what is wrong is the file
    return Certified(key, tuple(x509.load_pem_x509_certificates(pem)))


class Authority:
    """A root and an authority below it, good for a month around `now`."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        root_key, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        name = _name("Sayso playground root")
        self.root = _authority(_blank(name, name, root_key, now), root_key, root_key, length=1)
        self._name = _name("Sayso playground authority")
        self._certificate = _authority(_blank(self._name, name, self._key, now), self._key, root_key, length=0)

    @property
    def root_pem(self) -> bytes:
        """Give the root's certificate, for those who are to trust it."""
        return self.root.public_bytes(Encoding.PEM)

    def issue(self, names: Sequence[str], *, rsa_key: bool = False, days: tuple[float, float] = (-1, 14)) -> Certified:
        """Certify a new key for these host names; `days` from now say when it is good."""
        key: Key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
        leaf = (
            _blank(_name(names[0]), self._name, key, self._now, days)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_identifier(self._key), critical=False)
            .sign(self._key, SHA256())
        )
        return Certified(key, (leaf, self._certificate))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _identifier(signer: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())


def _blank(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, days: tuple[float, float] = (-30, 30)
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


def _authority(blank: x509.CertificateBuilder, key: Key, signer: Key, *, length: int) -> x509.Certificate:
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return (
        blank.add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_identifier(signer), critical=False)
        .sign(signer, SHA256())
    )
