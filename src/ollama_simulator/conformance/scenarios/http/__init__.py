"""What an intermediary does with HTTP itself: sizes, framing, codings, methods, names."""
