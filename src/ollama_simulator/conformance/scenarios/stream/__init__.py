"""Answers that come piece by piece, a file for each subject."""
