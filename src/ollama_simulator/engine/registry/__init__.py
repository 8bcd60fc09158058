"""What changes the installed models, and who would be asked for them elsewhere."""
