{{ config(meta={'dagster': {'ref': {'name': 'relevance_agreement'}}}) }}

-- Which of two criteria is the reference changes no correlation and no count.
select
    mine.result_key,
    mine.criterion,
    mine.reference
from {{ ref('relevance_agreement') }} as mine
left join {{ ref('relevance_agreement') }} as other
    on
        mine.result_key = other.reference_result_key
        and mine.reference_result_key = other.result_key
        and mine.criterion = other.reference
        and mine.reference = other.criterion
        and mine.layers_compared = other.layers_compared
where
    other.result_key is null
    or mine.pearson is distinct from other.pearson
    or mine.spearman is distinct from other.spearman
    or mine.n_same_rank <> other.n_same_rank
    or mine.n_near_rank <> other.n_near_rank
    or mine.n_quarter_shared <> other.n_quarter_shared
    or mine.n_quarter_shared > mine.n_quarter
    or mine.n_same_rank > mine.n_near_rank
    or len(string_split(mine.reference_ranks, ' ')) <> mine.n_layers_compared
