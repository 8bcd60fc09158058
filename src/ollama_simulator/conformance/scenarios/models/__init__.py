"""Models and conversations: who has which, in memory and in caches. Every module is loaded."""
