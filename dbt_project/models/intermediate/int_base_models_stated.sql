{% set suffix -%}
    (gptq|awq|gguf|ggml|exl[23]|hqq|aqlm|bnb|nf4|fp8|fp4|nvfp4|mxfp[48]|int[48]|w\d+a\d+|\d+(\.\d+)?-?bits?|\d(\.\d+)?bpw|q\d(_[0-9k][_a-z0-9]*)?|quantized|marlin)
{%- endset %}
{% set setting -%}
    (unsloth|mlx|dynamic|imatrix|i1|\d+g|g\d+|gs\d+|fp16|act|order|tensor|channel)
{%- endset %}

with aliases as (

    select * from {{ ref('int_model_aliases') }}

),

by_hub as (

    select
        model_id,
        unnest(base_models) as stated_base,
        base_relation,
        'hub' as base_source,
        1 as preference
    from {{ ref('int_hub_listings') }}

),

by_leaderboard as (

    select
        model_id,
        first(base_model order by evidence_rank) as stated_base,
        first(
            case
                when weight_type = 'Adapter' then 'adapter'
                when is_merged or training_type = 'merge' then 'merge'
                when precision in ('GPTQ', 'AWQ') then 'quantized'
                else 'finetune'
            end
            order by evidence_rank
        ) as base_relation,
        'open_llm_v2' as base_source,
        2 as preference
    from {{ ref('int_evaluations') }}
    where leaderboard = 'open_llm_v2' and lower(base_model) <> lower(model_name)
    group by model_id

),

names as (

    select
        model_id,
        split_part(model_id, '/', 1) as owner,
        lower(split_part(model_id, '/', -1)) as name,
        regexp_replace(name, '([-_.]({{ suffix }}|{{ setting }}))+$', '') as bare_name,
        is_quantized
    from {{ ref('int_model_kinds') }}
    where contains(model_id, '/')

),

by_name as (

    -- Of the models whose name is what the suffix leaves: the owner's own, else the only one that
    -- is no copy.
    select
        quantized.model_id,
        coalesce(
            any_value(whole.model_id) filter (whole.owner = quantized.owner),
            case
                when count(*) filter (mirrors.owner is null) = 1
                    then any_value(whole.model_id) filter (mirrors.owner is null)
            end
        ) as stated_base,
        'quantized' as base_relation,
        'name' as base_source,
        3 as preference
    from names as quantized
    inner join names as whole
        on quantized.bare_name = whole.name and not whole.is_quantized
    left join {{ ref('mirror_owners') }} as mirrors on whole.owner = mirrors.owner
    where
        quantized.is_quantized
        and quantized.bare_name <> quantized.name
        and regexp_matches(quantized.name, '[-_.]{{ suffix }}([-_.]|$)')
    group by quantized.model_id

),

stated as (

    select * from by_hub
    union all
    select * from by_leaderboard
    union all
    select * from by_name

),

resolved as (

    select
        stated.model_id,
        aliases.model_id as base_model,
        stated.base_relation,
        stated.base_source,
        stated.preference
    from stated
    inner join aliases on stated.stated_base = aliases.seen_id
    where aliases.model_id <> stated.model_id

),

final as (

    -- All bases of a merge, but of the best source only.
    select distinct
        model_id,
        base_model,
        base_relation,
        base_source
    from resolved
    qualify preference = min(preference) over (partition by model_id)

)

select * from final
