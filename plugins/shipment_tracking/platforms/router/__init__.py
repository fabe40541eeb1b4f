"""
The MD5 router that some resellers' gateways speak (dialect ``router``), for 1688 and for Taobao.

No platform documents it. Its two forms are those of two articles, whose own clients such gateways
serve: for 1688 every business parameter travels in ``param2``, JSON that is percent-encoded before
it is signed; for Taobao one number tells how far an order is. Both sign with MD5.
"""

DIALECT = "router"
