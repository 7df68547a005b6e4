"""Thin Prefect tasks: read, call one core function, write, return a small reference."""
