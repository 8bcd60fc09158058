"""Judging balancers: by what our client saw, and by what each server saw."""
