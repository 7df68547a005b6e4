"""Annotation formats: one module per format, whose docstring is the format's memo."""
