"""Pure library: arrays, tables and programs in, arrays, tables and programs out."""
