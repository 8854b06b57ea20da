"""What every room shares: settings, landing writer, model-id rules, errors and progress.

This package imports no room; the rooms import it and never each other.
"""

__version__ = "0.1.0"
