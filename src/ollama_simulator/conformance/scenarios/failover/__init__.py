"""What happens to a request whose server fails, and to those of everybody else."""
