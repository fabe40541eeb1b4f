"""Spans of time, and the first line of a polling table."""

from datetime import timedelta

HEAD = "stage,quiet_hours,minutes\n"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
