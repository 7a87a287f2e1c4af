"""A real PACS for tests: Debian's Orthanc with its DICOMweb, on the loopback.

Orthanc itself encrypts DIMSE. Its web server does not: that of Debian 12 crashes with OpenSSL 3 at
the first encrypted request. `helpers.pacs_proxy` stands before it and encrypts, as the web server
of a hospital does.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from helpers.ports import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PACKAGES = ("orthanc", "orthanc-dicomweb", "openssl")
TIED = ("setpriv", "--pdeathsig", "KILL")  # what is started so ends with this test, killed or not
TITLE = "PACS"


def is_installed() -> bool:
    return bool(shutil.which("Orthanc") and shutil.which("openssl")) and PLUGIN.exists()


def install() -> str | None:
    """Install Debian's packages where they are missing; why that cannot be, or None."""
    if is_installed():
        return None
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"{', '.join(PACKAGES)} are missing, and only root on Debian can install them"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # Debian starts a service of its own after the installation, unless this says no.
    policy = Path("/usr/sbin/policy-rc.d")
    is_new = not policy.exists()
    if is_new:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True)
    finally:
        if is_new:
            policy.unlink()
    return None if is_installed() else f"apt-get could not install {', '.join(PACKAGES)}"


def make_certificate(folder: Path) -> Path:
    """A certificate of this machine, its own authority, in `folder`; the key lies beside it."""
    certificate = folder / "certificate.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", names),
            *("-keyout", str(folder / "key.pem"), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "key.pem").chmod(0o600)
    return certificate


class Orthanc:
    """A server with the films that were sent to it; it can be killed and started again."""

    def __init__(self, folder: Path, certificate: Path, user: str, password: str) -> None:
        self.folder, self.login = folder, (user, password)
        self.http_port, self.dicom_port = free_port(), free_port()
        (folder / "storage").mkdir(parents=True)
        settings = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {user: password},
            "HttpCompressionEnabled": False,
            "DicomAet": TITLE,
            "DicomPort": self.dicom_port,
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(certificate),
            "DicomTlsPrivateKey": str(certificate.with_name("key.pem")),
            "DicomTlsTrustedCertificates": str(certificate),
            "DicomTlsRemoteCertificateRequired": False,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "SyncStorageArea": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        self.config = folder / "orthanc.json"
        self.config.write_text(json.dumps(settings))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*TIED, "Orthanc", str(self.config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 30
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "orthanc.log").read_text()[-3000:])
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/system", auth=self.login, timeout=2).ok
        except requests.RequestException:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def kill(self) -> None:
        """As a machine that loses its power."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def send(self, films: Iterable[Path]) -> None:
        session = requests.Session()
        session.auth = self.login

        def send_one(path: Path) -> None:
            answer = session.post(f"{self.url}/instances", data=path.read_bytes(), timeout=60)
            answer.raise_for_status()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(send_one, films))
