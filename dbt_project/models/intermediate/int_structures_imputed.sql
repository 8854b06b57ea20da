select
    imputations.model_id,
    imputations.field,
    imputations.value,
    'imputed:' || imputations.key_name as source,
    'imputed' as found,
    imputations.donors,
    imputations.authors,
    imputations.purity
from {{ ref('int_imputations') }} as imputations
inner join {{ ref('imputation_rules') }} as rules using (field)
where imputations.donors_from = 'all' and imputations.is_accepted and rules.is_used
