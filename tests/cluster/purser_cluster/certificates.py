"""The cluster's own certificate authority; openssl does the work because the standard library cannot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from purser_cluster.processes import run

_DAYS = "30"
_CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
_REQUEST_SECTION = "[req]\ndistinguished_name=name\nprompt=no\nx509_extensions=extensions\n"
_LEAF_EXTENSIONS = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"


class Authority:
    """Issues certificates into one private directory as NAME.crt and NAME.key."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True)
        self._request(
            "authority",
            "[name]\nCN=purser-cluster\n[extensions]\nbasicConstraints=critical,CA:TRUE\n"
            "keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n",
            [],
        )
        self.certificate = self.certificate_path("authority")

    def certificate_path(self, name: str) -> Path:
        return self._directory / f"{name}.crt"

    def key_path(self, name: str) -> Path:
        return self._directory / f"{name}.key"

    def issue_client(self, name: str, user: str, group: str = "") -> None:
        organization = f"O={group}\n" if group else ""
        extensions = f"{_LEAF_EXTENSIONS}extendedKeyUsage=clientAuth\n"
        self._issue(name, f"[name]\n{organization}CN={user}\n[extensions]\n{extensions}")

    def issue_server(self, name: str, host_names: Sequence[str], addresses: Sequence[str]) -> None:
        alternatives = ",".join([f"DNS:{host}" for host in host_names] + [f"IP:{address}" for address in addresses])
        extensions = f"{_LEAF_EXTENSIONS}extendedKeyUsage=serverAuth\nsubjectAltName={alternatives}\n"
        self._issue(name, f"[name]\nCN={name}\n[extensions]\n{extensions}")

    def issue_signing_pair(self, name: str) -> None:
        """A bare key pair, for service account tokens: NAME.key and NAME.pub."""
        key = str(self.key_path(name))
        command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key]
        run(command, f"making the key {name}")
        public = str(self._directory / f"{name}.pub")
        run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], f"making the key {name}")

    def _issue(self, name: str, sections: str) -> None:
        signer = ["-CA", str(self.certificate), "-CAkey", str(self.key_path("authority"))]
        self._request(name, sections, signer)

    def _request(self, name: str, sections: str, signer: list[str]) -> None:
        configuration = self._directory / f"{name}.cnf"
        configuration.write_text(_REQUEST_SECTION + sections, encoding="utf-8")
        command = ["openssl", "req", "-x509", *_CURVE, "-days", _DAYS, "-config", str(configuration), *signer]
        command += ["-keyout", str(self.key_path(name)), "-out", str(self.certificate_path(name))]
        run(command, f"making the certificate {name}")
        configuration.unlink()
