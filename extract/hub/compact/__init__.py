"""Compaction of what crawls landed."""
