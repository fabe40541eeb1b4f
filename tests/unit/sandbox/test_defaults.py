"""The usual accounts are the same wherever the sandbox is started."""

import json
import re

import pytest
import yaml

from sandbox.airflow_home import PROJECT
from sandbox.defaults import ACCOUNTS, apps_for, connection


def test_the_default_accounts_cover_all_platforms_and_share_apps():
    apps = apps_for(ACCOUNTS)
    given = [connection(name, "http://127.0.0.1:1", apps)["extra"] for name in ACCOUNTS]

    assert {extra["platform"] for extra in given} >= {"1688", "taobao", "tmall"}
    assert len(apps) < len(ACCOUNTS)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_containers_demo_has_a_connection_for_each_usual_account(account):
    variable = f"AIRFLOW_CONN_{account.upper()}"
    begin = f"# {variable}='"
    examples = (PROJECT / ".env.example").read_text(encoding="utf-8").splitlines()
    compose = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text(encoding="utf-8"))

    told = [json.loads(line[len(begin) : -1]) for line in examples if line.startswith(begin)]

    assert connection(account, "http://sandbox:8688", apps_for(ACCOUNTS)) in told
    assert variable in compose["services"]["worker"]["environment"]


def test_the_containers_are_given_every_connection_of_the_example():
    examples = (PROJECT / ".env.example").read_text(encoding="utf-8")
    compose = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text(encoding="utf-8"))

    told = set(re.findall(r"^(?:# )?(AIRFLOW_CONN_\w+)=", examples, re.MULTILINE))

    assert told >= {"AIRFLOW_CONN_ERP_DB", "AIRFLOW_CONN_NOTIFY_CUSTOMERS"}
    assert told <= compose["services"]["worker"]["environment"].keys()
