"""The ERP's side: its database, its times and its writers."""
