"""Alembic's entry: runs the migrations on the connection that ``create_tables`` holds."""

from alembic import context

# Without plugins/.airflowignore, Airflow loads this file too, where no migration is going on.
if hasattr(context, "config"):
    context.configure(
        connection=context.config.attributes["connection"],
        version_table="schema_version",
        version_table_schema="tracking",
    )
    with context.begin_transaction():
        context.run_migrations()
