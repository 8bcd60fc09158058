"""What the program shows of a running fleet: a view of all servers, or records as JSON lines.

It must not import the command line.
"""
