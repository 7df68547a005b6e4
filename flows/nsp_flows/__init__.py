"""Prefect flows over the tasks, and the nsp command."""
