"""The programs' command lines: a file for each program, and one for each of its sub-commands.

It must not import the programs' beginnings.
"""
