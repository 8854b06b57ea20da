{{ config(meta={'dagster': {'ref': {'name': 'model_renames'}}}) }}

-- A new id that is itself an old one would need two steps, and the aliases take one.
select one.*
from {{ ref('model_renames') }} as one
inner join {{ ref('model_renames') }} as other on lower(one.new_id) = lower(other.old_id)
