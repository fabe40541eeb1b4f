"""A test without a server opens no socket and starts no program, so `make test-fast` stays fast."""

import socket
import subprocess
import sys

import pytest

from tests.guard import NotAFastTestError


def test_a_fast_test_cannot_listen():
    with socket.socket() as listening, pytest.raises(NotAFastTestError, match=r"socket\.bind"):
        listening.bind(("127.0.0.1", 0))


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
def test_a_fast_test_cannot_connect(host):
    with socket.socket() as calling, pytest.raises(NotAFastTestError, match=r"socket\.connect"):
        calling.connect((host, 9))


def test_a_fast_test_cannot_start_a_program():
    with pytest.raises(NotAFastTestError, match=r"subprocess\.Popen"):
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_a_test_with_a_server_is_marked(request, receiver):
    assert request.node.get_closest_marker("server")
    assert receiver.url("ops").startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("shop", "marked"), [("sqlite", False), ("postgresql", True)], indirect=["shop"]
)
def test_an_erp_is_a_server_unless_it_is_a_file(request, shop, marked):
    assert bool(request.node.get_closest_marker("server")) is marked
