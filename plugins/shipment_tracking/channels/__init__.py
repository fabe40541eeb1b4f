"""One module a kind of channel; each sends a message and tells no secret."""
