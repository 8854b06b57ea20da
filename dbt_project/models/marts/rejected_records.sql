{{ config(
    materialized='incremental',
    meta={
        'replaces': is_changed('model_id', or_null=true)
        ~ " or rejected_from in ('structure_performance', 'pretraining_compute')"
        ~ " or field = 'size' and " ~ is_resized()
    },
) }}

-- depends_on: {{ ref('int_changed_keys') }}
-- depends_on: {{ ref('int_resized_keys') }}
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
left join {{ ref('rejection_reasons') }} as reasons using (reason)
