"""A certificate authority that nobody trusts until a test says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Authority:
    """Files of a throwaway authority and of one server certificate for this machine."""

    bundle: Path
    certificate: Path
    key: Path


def make_authority(folder: Path) -> Authority:
    """A new authority whose server certificate is good for localhost and 127.0.0.1."""
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    made = Authority(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(made.bundle)
    server.private_key_pem.write_to_path(made.key)
    for block in server.cert_chain_pems:
        block.write_to_path(made.certificate, append=True)
    return made
