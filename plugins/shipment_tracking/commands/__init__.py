"""What the command `shipment-tracking` prints, and what it needs of Airflow."""
