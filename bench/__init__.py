"""Measurements of a message's cost in CPU, calls, bytes, units and dollars: `make bench`, `make cost`, `make load`."""
