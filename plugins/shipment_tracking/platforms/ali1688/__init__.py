"""
The official protocol of the 1688 Open Platform (dialect ``param2``), seen by a buyer.

Sources: the API pages of open.1688.com for ``alibaba.trade.getLogisticsInfos.buyerView``,
``alibaba.trade.getLogisticsTraceInfo.buyerView``, ``alibaba.trade.get.buyerView`` and
``alibaba.trade.getBuyerOrderList``, and its page on signatures.
"""

DIALECT = "param2"
