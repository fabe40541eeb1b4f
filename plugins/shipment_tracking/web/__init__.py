"""The page "Shipments" inside Airflow's UI; ``app`` is the application, ``plugin`` registers it."""
