"""Servers that fail, look well, recover: whom a balancer trusts with requests."""
