-- What the regressors read, as one hash a benchmark and tier: a result filed under another hash is
-- stale. The tiers are subsets of structure_scores.
with tiered as (

    select
        rows.benchmark,
        rows.leaderboard,
        rows.model_id,
        unnest(
            case
                when rows.structure_tier = 'exact'
                    then
                        ['exact', 'exact_and_imputed']
                        || if(rows.is_official, ['official'], [])
                        || if(rows.training_type = 'pretrained', ['pretrained'], [])
                else ['exact_and_imputed']
            end
        ) as tier,
        md5(rows::varchar) as row_hash
    from {{ ref('structure_scores') }} as rows

),

-- The way back, from scores to structure, reads all scores of a leaderboard together.
read_together as (

    select
        benchmark,
        tier,
        model_id,
        benchmark as score_name,
        row_hash
    from tiered
    union all
    select
        leaderboard as benchmark,
        tier,
        model_id,
        benchmark as score_name,
        row_hash
    from tiered
    where leaderboard = 'open_llm_v1'

)

select
    benchmark,
    tier,
    md5(string_agg(row_hash, '' order by model_id, score_name)) as input_hash,
    count(distinct model_id) as n_models
from read_together
group by all
