-- The run's numbers grow by what a step did.
update tracking.run
set
    ended_at = greatest(ended_at, :now),
    due = due + :due,
    polled = polled + :polled,
    left_over = left_over + :left_over,
    events_new = events_new + :events_new,
    events_duplicate = events_duplicate + :events_duplicate,
    changes = changes + :changes,
    signed = signed + :signed,
    notices_sent = notices_sent + :notices_sent,
    failed_orders = failed_orders + :failed_orders
where run_id = :run_id
