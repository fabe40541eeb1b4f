"""Shipment tracking for merchants who buy on 1688 and sell on Taobao and Tmall."""
