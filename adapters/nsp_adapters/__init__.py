"""The only code that opens files: one module per format."""
