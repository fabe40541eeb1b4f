"""`docker-compose.yaml` run natively: what it says of each service, as it would be here."""

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping

import yaml

from sandbox.airflow_home import PROJECT
from sandbox.programs import python

COMPOSE = PROJECT / "docker-compose.yaml"


class Compose:
    """
    What `docker-compose.yaml` says of a service, as it would be on this machine.

    :param values: for `${NAME...}`, as `.env` has them.
    :param places: what a place inside the containers is here.
    :param natively: variables on top, for what compose leaves to the network of its containers.
    """

    def __init__(
        self, values: Mapping[str, str], places: Mapping[str, str], natively: Mapping[str, str]
    ) -> None:
        self._services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
        self._values = values
        self._places = places
        self._natively = natively

    def environment(self, service: str) -> dict[str, str]:
        """A service's variables; one without a value is what `.env` says."""
        wanted = self._services[service]["environment"]
        found = {
            name: self._values[name] if value is None else self._here(value)
            for name, value in wanted.items()
            if value is not None or name in self._values
        }
        return found | dict(self._natively)

    def command(self, service: str, *more: str) -> list[str]:
        """A service's command; what names no program is one of Airflow, as in its image."""
        command = self._services[service]["command"]
        if isinstance(command, list):
            return [self._here(word) for word in command]
        return python("airflow", *command.split(), *more)

    def _here(self, text: str) -> str:
        text = re.sub(r"(?<!\$)\$\{(\w+):?[-?][^}]*\}", lambda name: self._values[name[1]], text)
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text.replace("$$", "$")


def secret_values(redis_password: str, postgres_password: str) -> dict[str, str]:
    """What `.env` must hold for compose to start."""
    names = (
        "ADMIN_PASSWORD",
        "AIRFLOW_DB_PASSWORD",
        "WAREHOUSE_DB_PASSWORD",
        "API_SECRET_KEY",
        "JWT_SECRET",
    )
    return {name: secrets.token_hex(32) for name in names} | {
        "FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "REDIS_PASSWORD": redis_password,
        "POSTGRES_PASSWORD": postgres_password,
        "DEMO_ERP_DB_PASSWORD": "",
    }
