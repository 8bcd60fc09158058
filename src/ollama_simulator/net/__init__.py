"""The only code that touches sockets. It has never heard of Ollama."""
