"""The history of the ``tracking`` schema; applied by the step ``create_tables``."""
