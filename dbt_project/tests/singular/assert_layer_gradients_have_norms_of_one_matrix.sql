{{ config(meta={'dagster': {'ref': {'name': 'layer_gradients'}}}) }}

-- For any singular values: spectral <= frobenius <= nuclear. The entropy behind the effective rank
-- is at least that of order 2: the rank is at least (nuclear / frobenius)², which is 1 or more.
select
    result_key,
    layer,
    matrix,
    nuclear_norm,
    frobenius_norm,
    spectral_norm,
    effective_rank
from {{ ref('layer_gradients') }}
where
    spectral_norm > frobenius_norm * (1 + 1e-6)
    or frobenius_norm > nuclear_norm * (1 + 1e-6)
    or effective_rank * (1 + 1e-6) < coalesce((nuclear_norm / nullif(frobenius_norm, 0)) ^ 2, 0)
    or mean_sample_nuclear_norm
    not between mean_sample_nuclear_norm_low and mean_sample_nuclear_norm_high
