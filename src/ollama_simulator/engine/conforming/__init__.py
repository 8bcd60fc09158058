"""Values that conform to a JSON Schema, drawn from chance."""
