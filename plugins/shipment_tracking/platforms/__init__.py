"""The platforms' protocols: HTTP and replies, nothing else; one package a dialect."""
