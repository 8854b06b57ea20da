-- What the regressors read, as one hash a benchmark and tier: a result filed under another hash is
-- stale. The tiers are subsets of structure_scores, and the sum of hashes has no order.
with hashed as (

    select
        rows.benchmark,
        rows.leaderboard,
        rows.model_id,
        rows.structure_tier = 'exact' as is_exact,
        coalesce(rows.is_official, false) as is_official,
        coalesce(rows.training_type = 'pretrained', false) as is_pretrained,
        hash(rows)::hugeint as row_hash
    from {{ ref('structure_scores') }} as rows

),

-- The way back, from scores to structure, reads all scores of a leaderboard together.
read_together as (

    select * from hashed
    union all
    select * replace (leaderboard as benchmark) from hashed
    where leaderboard = 'open_llm_v1'

),

-- All rows of a model that are read together are in one cell.
cells as (

    select
        benchmark,
        is_exact,
        is_official,
        is_pretrained,
        sum(row_hash) as row_hashes,
        count(distinct model_id) as n_models
    from read_together
    group by all

)

select
    cells.benchmark,
    tiers.tier,
    md5(sum(cells.row_hashes)::varchar) as input_hash,
    sum(cells.n_models)::bigint as n_models
from cells
inner join (values ('exact'), ('exact_and_imputed'), ('official'), ('pretrained')) as tiers (tier)
    on
        tiers.tier = 'exact_and_imputed'
        or (cells.is_exact and tiers.tier = 'exact')
        or (cells.is_exact and cells.is_official and tiers.tier = 'official')
        or (cells.is_exact and cells.is_pretrained and tiers.tier = 'pretrained')
group by all
