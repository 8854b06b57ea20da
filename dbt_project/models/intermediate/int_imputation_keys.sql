with evaluations as (

    select * from {{ ref('int_evaluations') }}
    where evidence_rank = 1

),

-- Spellings of one model may each have a listing: the model's own speaks first.
listings as (

    select
        model_id,
        first(architecture order by seen_id <> model_id, record_id) filter (
            architecture is not null
        ) as architecture,
        first(stored_parameters order by seen_id <> model_id, record_id) filter (
            stored_parameters is not null
        ) as stored_parameters
    from {{ ref('int_hub_listings') }}
    where model_id in (select evaluations.model_id from evaluations)
    group by model_id

),

described as (

    select
        v1.model_id,
        coalesce(models.author, v1.model_id) as author,
        models.family,
        -- What is known without a config: a model that has one is tried on the same evidence.
        coalesce(v1.architecture, v2.architecture, listings.architecture) as architecture,
        -- The first leaderboard truncates; 0 there is unknown or below a billion.
        case when v1.stated_size >= 1 then floor(v1.stated_size) end as billions,
        round(coalesce(v2.stated_size, listings.stored_parameters / 1e9), 1) as size,
        exact.model_id is null as is_candidate,
        coalesce(exact.rejection_reason is null and not v1.is_flagged, false)
        and exact.model_id is not null as is_exact,
        is_exact and not list_contains(exact.implausible_fields, 'size') as is_donor
    from evaluations as v1
    inner join {{ ref('models') }} as models using (model_id)
    left join evaluations as v2
        on v1.model_id = v2.model_id and v2.leaderboard = 'open_llm_v2'
    left join listings on v1.model_id = listings.model_id
    left join {{ ref('int_structures_exact') }} as exact on v1.model_id = exact.model_id
    -- What is stated as the size of packed weights is no size.
    where v1.leaderboard = 'open_llm_v1' and not models.is_quantized

),

keyed as (

    select
        *,
        unnest([
            {
                level: 1,
                key_name: 'architecture+size+family',
                key: architecture || '|' || size || '|' || family
            },
            {
                level: 2,
                key_name: 'architecture+billions+family',
                key: architecture || '|' || billions || '|' || family
            },
            {
                level: 3,
                key_name: 'architecture+size',
                key: architecture || '|' || size
            },
            {
                level: 4,
                key_name: 'architecture+billions',
                key: architecture || '|' || billions
            }
        ]) as shared
    from described

)

select
    model_id,
    author,
    shared.level,
    shared.key_name,
    shared.key,
    is_candidate,
    is_exact,
    is_donor
from keyed
where shared.key is not null
