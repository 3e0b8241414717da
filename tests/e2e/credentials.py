"""Who logs in and how: certificates, the password file, signed tokens."""

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import environment

STORE_PASSWORD = "local-test-only"


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for localhost: a key store for servers, a trust store and a PEM file for clients."""

    key_store: Path
    trust_store: Path
    pem: Path

    @classmethod
    def create(cls, directory: Path) -> "Certificate":
        certificate = cls(directory / "server.p12", directory / "trust.p12", directory / "localhost.pem")
        subject = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1", "-validity", "30"]
        _keytool(certificate.key_store, "-genkeypair", "-keyalg", "RSA", "-keysize", "2048", *subject)
        _keytool(certificate.key_store, "-exportcert", "-rfc", "-file", str(certificate.pem))
        _keytool(certificate.trust_store, "-importcert", "-noprompt", "-file", str(certificate.pem))
        return certificate


def client_key(directory: Path, subject: str) -> Path:
    """A key store by which a client logs in, and a server that has it as its trust store lets it."""
    store = directory / "client.p12"
    _keytool(store, "-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-dname", subject, "-validity", "30")
    return store


def _keytool(store: Path, *arguments: str) -> None:
    keytool = str(environment.JAVA_HOME / "bin" / "keytool")
    location = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD, "-alias", "trino"]
    subprocess.run([keytool, *arguments, *location], check=True, capture_output=True)


def password_line(user: str, password: str) -> str:
    """One line of Trino's password file."""
    iterations = 1000
    salt = secrets.token_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, iterations, 32)
    return f"{user}:{iterations}:{salt.hex()}:{digest.hex()}\n"


class TokenSigner:
    """Signs JSON web tokens for servers without a password authenticator."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def key_file_text(self) -> str:
        return base64.b64encode(self._key).decode()

    def token(self, user: str) -> str:
        claims = {"sub": user, "exp": int(time.time()) + 24 * 3600}
        parts = [self._part({"alg": "HS256", "typ": "JWT"}), self._part(claims)]
        signature = hmac.new(self._key, ".".join(parts).encode(), hashlib.sha256).digest()
        return ".".join([*parts, self._base64url(signature)])

    @classmethod
    def _part(cls, value: dict) -> str:
        return cls._base64url(json.dumps(value).encode())

    @staticmethod
    def _base64url(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
