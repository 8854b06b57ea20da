"""Brings the outside in, verbatim, as batches of the landing zone."""
