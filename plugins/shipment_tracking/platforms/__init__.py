"""The platforms' protocols: HTTP and replies, nothing else; one module a dialect."""
