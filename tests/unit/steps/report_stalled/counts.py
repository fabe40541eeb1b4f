"""The counts of a run that found nothing."""

NOTHING = {"opened": 0, "cleared": 0, "sent": 0, "failed": 0, "dead": 0, "suppressed": 0}
