"""Measurements: what a message costs in CPU, calls, bytes, units and dollars. `make bench`, `make cost`."""
