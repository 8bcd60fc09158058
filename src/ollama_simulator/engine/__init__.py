"""One simulated machine: jobs in, events out. It has never heard of HTTP."""
