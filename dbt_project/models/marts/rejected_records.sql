select
    rejected.rejected_from,
    rejected.record_id,
    rejected.model_id,
    rejected.field,
    rejected.value,
    rejected.reason,
    reasons.meaning,
    reasons.remedy
from {{ ref('int_records_rejected') }} as rejected
inner join {{ ref('rejection_reasons') }} as reasons using (reason)
