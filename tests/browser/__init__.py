"""Tests in a real browser; a package, so that its Airflow ends with its last test."""
