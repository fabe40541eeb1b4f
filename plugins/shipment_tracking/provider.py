"""
Tells Airflow of the connection type ``ecommerce_platform`` and its form.

Airflow calls this while it is itself being imported, so nothing is imported here.
"""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The provider's description, as Airflow's ``apache_airflow_provider`` entry point wants it."""
    return {
        "package-name": "shipment-tracking",
        "name": "Shipment tracking",
        "description": "Connections to e-commerce platforms whose shipments are tracked.",
        "connection-types": [
            {
                "connection-type": "ecommerce_platform",
                "hook-name": "E-commerce platform",
                "hook-class-name": "shipment_tracking.hooks.platform_hook.PlatformHook",
                "ui-field-behaviour": {
                    # Not the port: for an empty one Airflow 3.3.2's button Test sends 0, takes that
                    # for another server than the stored one, and answers "Bad Request".
                    "hidden-fields": ["schema"],
                    "relabeling": {
                        "host": "Gateway",
                        "login": "App key",
                        "password": "App secret",
                        "port": "Port (443; the button Test needs it)",
                    },
                    "placeholders": {
                        "host": "https://gw.open.1688.com",
                        "port": "443",
                        "login": "the app key from the platform's console",
                    },
                },
                "conn-fields": {
                    "platform": {
                        "label": "Platform",
                        "description": "Where the orders of this account live.",
                        "schema": {
                            "type": "string",
                            "enum": ["1688", "taobao", "tmall"],
                            "default": "1688",
                        },
                    },
                    "dialect": {
                        "label": "Dialect",
                        "description": "The protocol of the gateway: param2 is the official 1688, "
                        "top the official Taobao and Tmall (gateway https://eco.taobao.com), "
                        "router the MD5 router of some resellers' gateways.",
                        "schema": {
                            "type": "string",
                            "enum": ["param2", "top", "router"],
                            "default": "param2",
                        },
                    },
                    "access_token": {
                        "label": "Access token",
                        "description": "Given by the platform when the account authorised the app; "
                        "empty for Taobao and Tmall over a router, which ask for none.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "refresh_token": {
                        "label": "Refresh token",
                        "description": "Came with the access token; may be left empty.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "qps": {
                        "label": "Calls per second",
                        "description": "At most, in any second, over all that use the app key.",
                        "schema": {"type": ["number", "null"], "default": 5, "minimum": 0.01},
                    },
                    "sign_method": {
                        "label": "Sign method",
                        "description": "For the dialect top only; leave it unless the platform "
                        "refuses every signature.",
                        "schema": {
                            "type": "string",
                            "enum": ["hmac-sha256", "hmac", "md5"],
                            "default": "hmac-sha256",
                        },
                    },
                    "feed": {
                        "label": "Change feed",
                        "description": "What the platform itself reports, so that the rest is "
                        "asked for less often: orders (shipped, received) or, with the dialect "
                        "top, messages (every scan). Empty: nothing.",
                        "schema": {
                            "type": ["string", "null"],
                            "enum": ["orders", "messages"],
                        },
                    },
                },
            }
        ],
    }
