"""Writes ``docs/dictionary.md`` from the comments of the views: ``make dictionary``."""

import re
import tempfile
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection, create_engine, text

from sandbox.postgres import PrivatePostgres
from shipment_tracking.steps import create_tables

PAGE = Path(__file__).parents[3] / "docs" / "dictionary.md"
HEAD = """\
# Data dictionary

The views of the schema `analytics`, as their comments in the database say
(`\\d+ analytics.orders` in `psql`). Made by `make dictionary`: change the comment in
`include/sql/analytics/<view>.sql`, not this page. How to ask: [analytics](analytics.md).
"""
LINKS = {
    "shipment status": "glossary.md#shipment-status",
    "writeback outcome": "glossary.md#writeback-outcome",
    "who signed": "glossary.md#sign-kind",
    "what decided its status": "glossary.md#decided_by",
    "why it was closed": "glossary.md#close-reason",
    "state of the notice": "glossary.md#notice-state",
    "reason of the notice": "glossary.md#notice-reason",
    "audience": "glossary.md#audience",
    "stage of the stall": "glossary.md#stall-stage",
    "kind of alert": "runbook.md#alerts-of-report_health",
}
"""The words of a comment that lead to a list of values."""

COLUMNS = text("""
    select
        pg_class.relname as view,
        obj_description(pg_class.oid, 'pg_class') as about,
        attname as name,
        replace(format_type(atttypid, null), 'timestamp with time zone', 'timestamptz') as kind,
        col_description(pg_class.oid, attnum) as means
    from pg_attribute
    inner join pg_class on pg_class.oid = pg_attribute.attrelid
    where relnamespace = 'analytics'::regnamespace and attnum > 0
    order by pg_class.relname, attnum
""")


def page(connection: Connection) -> str:
    """The page, as the comments are now."""
    parts = [HEAD]
    for (view, about), columns in groupby(
        connection.execute(COLUMNS), key=lambda row: (row.view, row.about)
    ):
        lines = [f"## {view}", "", about, "", "| column | type | means |", "| --- | --- | --- |"]
        lines += [f"| `{row.name}` | {row.kind} | {_cell(row.means)} |" for row in columns]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(means: str) -> str:
    linked = means.replace("|", "\\|").replace("<", "&lt;")
    for words, target in LINKS.items():
        linked = re.sub(rf"\b{words}\b", f"[{words}]({target})", linked, count=1)
    return linked


def main() -> None:
    """Make a warehouse, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        server = PrivatePostgres(Path(folder), fast=True)
        try:
            engine = create_engine(server.start())
            create_tables.run(engine)
            with engine.connect() as connection:
                PAGE.write_text(page(connection), encoding="utf-8")
            engine.dispose()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
