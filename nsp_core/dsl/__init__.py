"""The program language: nodes, text, tree, type checker, operators and their meaning."""
