"""Regressors that explain scores from structure: frames in, frames out."""
