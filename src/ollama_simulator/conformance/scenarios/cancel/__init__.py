"""Scenarios about clients that leave: who works for them must soon know."""
