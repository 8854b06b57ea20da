"""The report: one static page of figures, tables, claims and models, read from the marts alone."""
