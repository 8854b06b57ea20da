{% set is_new = is_resized() ~ ' or model_id in (from intermediate.int_family_changes)' %}
{{ config(materialized='incremental', meta={'replaces': is_new}) }}

-- depends_on: {{ ref('int_resized_keys') }}
-- depends_on: {{ ref('int_family_changes') }}
with scores as (

    -- What has no place in `benchmarks` has no known scale either.
    select * from {{ ref('benchmark_scores') }}
    where is_mapped {% if changes_only() %}and ({{ is_new }}){% endif %}

),

scored as (

    select distinct model_id from scores

),

sized as (

    select
        structures.model_id,
        structures.size,
        structures.size_source,
        coalesce(structures.has_size_conflict, false) as has_size_conflict
    from {{ ref('model_structures') }} as structures
    semi join scored using (model_id)
    where
        structures.size is not null
        and not list_contains(structures.implausible_fields, 'size')

),

classed as (

    select
        sized.*,
        classes.size_class
    from sized
    inner join {{ ref('size_classes') }} as classes
        on sized.size >= classes.lower and sized.size < coalesce(classes.upper, 'infinity')

),

final as (

    select
        scores.model_id,
        scores.benchmark,
        scores.leaderboard,
        scores.score,
        scores.is_flagged,
        scores.is_failed_generation,
        scores.training_type,
        models.date,
        classed.size,
        classed.size_source,
        classed.size_class,
        classed.has_size_conflict,
        -- The first leaderboard states whole billions, rounded down, others thousandths: copies of
        -- one base model whose sizes come from different sources must be of one size here.
        case
            when scores.leaderboard = 'open_llm_v1' and classed.size >= 1 then floor(classed.size)
            else round(classed.size, 1)
        end as rounded_size,
        models.family,
        -- Null where either is.
        models.family || ' ' || classed.size_class as family_group,
        case
            when models.is_official and scores.training_type = 'pretrained'
                then ['all', 'official', 'pretrained']
            when models.is_official then ['all', 'official']
            when scores.training_type = 'pretrained' then ['all', 'pretrained']
            else ['all']
        end as populations
    from scores
    inner join {{ ref('models') }} as models using (model_id)
    left join classed using (model_id)

)

select * from final
