"""Statements come from include/sql; an owner's own statement for the ERP or a view wins."""

from pathlib import Path

import pytest

from shipment_tracking.errors import StatementError
from shipment_tracking.statements import OWNER_FOLDER, include_folder, statement, statement_path


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An owner's empty folder."""
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, body: str) -> Path:
    file = folder / "sql" / f"{name}.sql"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(body, encoding="utf-8")
    return file


def test_without_an_owners_file_the_shipped_one_is_read(owner: Path) -> None:
    assert statement_path("erp/extract_orders") == include_folder() / "sql/erp/extract_orders.sql"


def test_an_owners_file_wins(owner: Path) -> None:
    put(owner, "erp/extract_orders", "-- mine\nselect 1 as erp_key;\n")

    assert str(statement("erp/extract_orders")) == "\nselect 1 as erp_key"


def test_an_owners_file_that_replaces_nothing_is_refused_by_name(owner: Path) -> None:
    put(owner, "erp/extract_order", "select 1")

    with pytest.raises(StatementError, match=r"extract_order\.sql replaces nothing"):
        statement("erp/extract_orders")


@pytest.mark.parametrize(
    "place", ["sql/warehouse/outbox.sql", "sql/warehouse/outbox_claim.sql", "sandbox/erp.py"]
)
def test_an_owners_file_for_what_is_internal_is_refused(owner: Path, place: str) -> None:
    (owner / place).parent.mkdir(parents=True)
    (owner / place).write_text("", encoding="utf-8")

    with pytest.raises(
        StatementError, match=rf"{place} is not a file that an owner may replace.* may hold sql/erp"
    ):
        statement("erp/extract_orders")


@pytest.mark.parametrize(
    "place",
    [".DS_Store", ".git/HEAD", "sql/erp/..data/mark_signed.sql", "sql/erp/mark_signed.sql~"],
)
def test_hidden_files_and_backups_of_an_owner_are_ignored(owner: Path, place: str) -> None:
    (owner / place).parent.mkdir(parents=True, exist_ok=True)
    (owner / place).write_text("", encoding="utf-8")

    assert statement("erp/extract_orders") is not None


def test_an_owners_folder_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path / "nowhere"))

    with pytest.raises(StatementError, match="not a folder"):
        statement("erp/extract_orders")


def test_a_colon_name_in_a_comment_binds_nothing(owner: Path) -> None:
    put(owner, "erp/extract_orders", "-- was :status = 'x' once\nselect 1")

    assert str(statement("erp/extract_orders", binds=set())) == "\nselect 1"


def test_a_statement_may_bind_only_what_it_is_given(owner: Path) -> None:
    put(owner, "erp/backfill_orders", "select 1 where now() > :shipped_since")

    with pytest.raises(
        StatementError, match=r"backfill_orders\.sql, line 1: it binds shipped_since"
    ):
        statement("erp/backfill_orders", binds={"shipped_from", "shipped_to"})


def test_an_empty_file_is_refused(owner: Path) -> None:
    put(owner, "erp/extract_orders", "-- nothing\n")

    with pytest.raises(StatementError, match="holds no statement"):
        statement("erp/extract_orders")


def test_a_byte_order_mark_does_no_harm(owner: Path) -> None:
    put(owner, "erp/extract_orders", "\ufeff-- was :status = 'x' once\nselect 1")

    assert str(statement("erp/extract_orders", binds=set())) == "\nselect 1"


def test_a_statement_in_another_encoding_is_refused_by_name(owner: Path) -> None:
    put(owner, "erp/extract_orders", "").write_text("select '已发货'", encoding="gbk")

    with pytest.raises(StatementError, match=r"extract_orders\.sql is not UTF-8 text"):
        statement("erp/extract_orders")


def test_an_edited_file_is_read_again(owner: Path) -> None:
    import os

    file = put(owner, "erp/extract_orders", "select 1")
    assert str(statement("erp/extract_orders")) == "select 1"

    put(owner, "erp/extract_orders", "select 2")
    os.utime(file, (0, 0))

    assert str(statement("erp/extract_orders")) == "select 2"
