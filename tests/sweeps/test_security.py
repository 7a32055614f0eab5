"""Sweeps over TLS: real certificates, a real scheduler, and who does not get in."""

import errno
import gc
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from distributed import Client
from distributed.security import Security

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.sweep_settings import Certificates
from maskwright.sweeps.cluster import open_cluster, unordered


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificates(folder):
    """Make an authority, and a certificate that it signs, as one would with openssl."""
    folder.mkdir()
    keys = {who: ec.generate_private_key(ec.SECP256R1()) for who in ("authority", "own")}
    for who, key in keys.items():
        built = (
            x509.CertificateBuilder()
            .subject_name(name(who))
            .issuer_name(name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=who == "authority", path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(keys["authority"], hashes.SHA256())
        )
        (folder / f"{who}.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{who}-key.pem").write_bytes(text)
    paths = {"authority": "authority.pem", "certificate": "own.pem", "key": "own-key.pem"}
    return Certificates(**{key: str(folder / path) for key, path in paths.items()})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a scheduler with a worker, started as docs/scaling.md says, and its certificates."""
    folder = tmp_path_factory.mktemp("tls")
    own = certificates(folder / "own")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tls://127.0.0.1:{free.getsockname()[1]}"
    tls = ["--tls-ca-file", own.authority, "--tls-cert", own.certificate, "--tls-key", own.key]
    here = ["--dashboard-address", "127.0.0.1:0", "--host"]
    commands = [
        ["distributed.cli.dask_scheduler", *tls, *here, address],
        ["distributed.cli.dask_worker", address, *tls, "--nthreads", "1", "--no-nanny", *here, "tls://127.0.0.1"],
    ]
    processes = [
        subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))):
                break
            time.sleep(0.1)
        yield address, own, folder
    finally:
        for process in processes:
            process.kill()
            process.wait()


def answers(scheduler, own, tasks=(1, 2, 3)):
    with open_cluster(scheduler, workers=1, preload="maskwright.sweeps.worker", certificates=own) as client:
        return sorted(unordered(client, abs, tasks))


def refused(scheduler, own):
    with pytest.raises(MaskwrightError) as caught:
        answers(scheduler, own)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_a_scheduler_that_speaks_tls(cluster, tmp_path, monkeypatch):
    address, own, _ = cluster
    assert answers(address, own) == [(1, 1), (2, 2), (3, 3)]
    monkeypatch.setattr("maskwright.sweeps.cluster._CONNECTING", "3s")
    # Without certificates, with those of another authority, and without TLS, nobody gets in.
    assert refused(address, None).startswith(f"no Dask scheduler answers at {address} (")
    assert refused(address, certificates(tmp_path / "other")).startswith(f"no Dask scheduler answers at {address} (")
    plain = address.replace("tls://", "tcp://")
    assert refused(plain, None).startswith(f"no Dask scheduler answers at {plain} (")


def test_a_refused_client_leaves_nothing_behind(monkeypatch):
    monkeypatch.setattr("maskwright.sweeps.cluster._CONNECTING", "1s")
    before = set(threading.enumerate())
    gc.disable()
    try:
        refused("tcp://127.0.0.1:9", None)
        left = [thing for thing in gc.get_objects() if isinstance(thing, Client)]
    finally:
        gc.enable()
    assert not left
    assert set(threading.enumerate()) <= before


def test_an_event_loop_that_cannot_start(monkeypatch):
    def run(routine):
        routine.close()
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("maskwright.sweeps.cluster.asyncio.run", run)
    with (
        pytest.raises(OSError, match="Too many open files"),
        open_cluster(None, workers=1, preload="maskwright.sweeps.worker"),
    ):
        pass


def test_certificates_that_cannot_be_used(tmp_path):
    own, other = (certificates(tmp_path / folder) for folder in ("own", "other"))
    address = "tls://127.0.0.1:9"
    assert refused("tcp://127.0.0.1:9", own) == (
        "sweeps.security needs a scheduler with an address tls://..., not tcp://127.0.0.1:9"
    )
    gone = own.model_copy(update={"key": str(tmp_path / "gone.pem")})
    assert refused(address, gone) == f"params.yaml: sweeps.security.key: {tmp_path / 'gone.pem'}: no such file"
    (tmp_path / "text.pem").write_text("no certificate")
    for changed in ({"certificate": str(tmp_path / "text.pem")}, {"key": other.key}):
        message = refused(address, own.model_copy(update=changed))
        assert message.startswith("params.yaml: sweeps.security: no certificates in PEM, or a key to another one (")


@pytest.mark.slow
def test_nobody_else_gets_at_the_workers_of_this_computer(tmp_path):
    other = certificates(tmp_path / "other")
    strangers = {
        "tcp": None,
        "tls": Security(tls_ca_file=other.authority, tls_client_cert=other.certificate, tls_client_key=other.key),
    }
    with open_cluster(None, workers=1, preload="maskwright.sweeps.worker") as client:
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        for protocol, security in strangers.items():
            with pytest.raises(OSError, match=r"Timed out|Connection reset|certificate does not match"):
                Client(address.replace("tls", protocol), timeout="3s", set_as_default=False, security=security)
        assert sorted(unordered(client, abs, [-1, -2])) == [(-2, 2), (-1, 1)]
