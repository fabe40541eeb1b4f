"""Registers the page "Shipments" where the folders were copied; a wheel does so itself."""

from shipment_tracking.web.plugin import ShipmentTrackingPlugin

__all__ = ["ShipmentTrackingPlugin"]
