"""A fleet spread over processes: workers that have its servers, and one that controls them.

It must not import anything.
"""
