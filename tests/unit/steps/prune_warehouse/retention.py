"""For how many days the tests keep things."""

KEEP_DAYS = {
    "replies": 30,
    "notices": 90,
    "orders": 365,
    "runs": 180,
    "acts": 730,
    "tokens": 30,
}
