"""A strict stand-in platform, a seeded world of parcels, a demo ERP, a private PostgreSQL."""
