-- A formula is evidence of a size only where it reproduces what is stated of its type: hybrids vary
-- in more than the structural fields say.
select
    language_type,
    count(*) as n,
    median(parameters / computed_parameters) as median_ratio,
    abs(median_ratio - 1) < 0.05 as is_reproduced
from {{ ref('int_size_values') }}
where
    source in ('hub_safetensors', 'open_llm_v2')
    and may_be_chosen
    and not coalesce(is_multimodal, false)
    and computed_parameters is not null
    and language_type is not null
group by language_type
