"""The commands of `pgdose`: one module a command, and the parser in `main`."""
