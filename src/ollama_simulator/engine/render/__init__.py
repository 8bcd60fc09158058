"""What a model is given to read: the prompt that its template makes of a request."""
