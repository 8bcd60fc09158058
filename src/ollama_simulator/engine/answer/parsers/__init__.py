"""Who splits a model's output into text, thinking and calls: one file for each path."""
