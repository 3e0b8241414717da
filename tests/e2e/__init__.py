"""End-to-end tests and the demo: a real Trino, its real clients and the built plugin."""
