"""Go's text/template: reading, running, and what it says of mistakes."""
