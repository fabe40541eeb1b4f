-- How many orders of the account this kind of run still has to poll or to ask for parcels of.
select count(*)
from tracking.tracked_order
where
    account = :account
    and case
        when :backfill
            then
                backfill_at <= :now
                and exists (
                    select 1
                    from tracking.erp_row
                    where
                        erp_row.order_id = tracked_order.order_id
                        and erp_row.shipped_at >= :shipped_from
                        and erp_row.shipped_at < :shipped_to
                )
        else
            tracked_order.closed_at is null
            and (priority > 0 or not :only_high_priority)
            and (
                (parcels_asked_at is not null and next_poll_at <= :now)
                or (
                    ask_parcels_at <= :now
                    and (
                        parcels_asked_at is null
                        or parcels_asked_at
                        <= :now - case
                            when priority > 0 then :priority_spacing else :min_spacing
                        end
                    )
                )
            )
    end
