"""The KV cache of a runner: which slot a prompt goes to, and how much of it need not be read."""
