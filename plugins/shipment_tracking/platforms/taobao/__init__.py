"""
The official protocol of Taobao and Tmall (TOP, dialect ``top``), seen by a seller.

Sources: TOP's page on calling and signing (developer.alibaba.com articleId 101617) and its API
pages for ``taobao.logistics.orders.get`` (docId 235), ``taobao.logistics.trace.search`` (10463),
``taobao.logistics.trace.get`` (65623), ``taobao.trade.get``, ``taobao.trades.sold.increment.get``
(128) and ``taobao.tmc.messages.consume``. All times are GMT+8.
"""

DIALECT = "top"
