"""What a running model says: from the task to the lines that reach the client."""
