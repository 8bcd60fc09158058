"""A hardware profile from a running server: what is asked, what follows from the answers.

Source: engine model, 2.4.
"""
