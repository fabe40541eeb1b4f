"""The texts of notices, digests of many, and a preview of all."""
