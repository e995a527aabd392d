"""Rows of the tables: for each kind its columns, what writes a row and what reads one back."""
