"""A page in the browser: the fleet at a glance, and a click to break a server or heal it."""
