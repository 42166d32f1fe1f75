"""Operators' commands for a deployed stack."""
