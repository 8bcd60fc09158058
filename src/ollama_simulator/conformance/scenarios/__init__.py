"""The scenarios, a file for each subject. Every module of this folder is loaded."""
