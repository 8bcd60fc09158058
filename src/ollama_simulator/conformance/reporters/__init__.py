"""How a report is shown: a file for each form. Every module of this folder is loaded."""
