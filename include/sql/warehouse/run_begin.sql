-- The run has its row.
insert into tracking.run (run_id, run_type, started_at)
values (:run_id, :run_type, :started_at)
on conflict (run_id) do nothing
