{{ config(materialized='incremental') }}

-- depends_on: {{ ref('model_kind_rules') }}
-- depends_on: {{ ref('quantization_rules') }}
{% set methods = rules('quantization_rules', 'quantization, evidence, pattern, preference') %}
{% set rules = rules('model_kind_rules', 'kind, evidence, pattern') %}

with evidence as (

    select * from {{ ref('int_model_evidence') }}

),

-- Rules are matched against each distinct text once. Names are all distinct: one search for any of
-- their patterns leaves few.
texts as (

    select distinct
        evidence,
        text
    from evidence
    where evidence not in ('name', 'id') or {{ any_name_rule(rules, methods) }}

),

matches as (

    select
        evidence,
        text,
        {{ any_kind_rule(rules, 'moe') }} as is_moe,
        {{ any_kind_rule(rules, 'multimodal') }} as is_multimodal,
        {{ any_kind_rule(rules, 'quantized') }} as is_quantized,
        {{ any_kind_rule(rules, 'adapter') }} as is_adapter,
        {{ any_kind_rule(rules, 'moe_either') }} as is_moe_either,
        {{ any_kind_rule(rules, 'moe_name') }} as is_moe_name,
        {{ any_kind_rule(rules, 'multimodal_type') }} as is_multimodal_type,
        {{ any_kind_rule(rules, 'merged') }} as is_merged,
        {{ any_kind_rule(rules, 'embedding') }} as is_embedding,
        {{ any_kind_rule(rules, 'decoder_embedding') }} as is_decoder_embedding,
        {{ any_kind_rule(rules, 'other_task') }} as is_other_task,
        {{ any_kind_rule(rules, 'remote_code') }} as is_remote_code,
        {{ any_kind_rule(rules, 'not_quantized') }} as is_not_quantized,
        -- An encoder class that a decoder's general pattern fits too stays an encoder.
        case
            {% for kind in ['other', 'encoder_decoder', 'encoder', 'decoder'] %}
                when {{ any_kind_rule(rules, kind) }} then '{{ kind }}'
            {% endfor %}
        end as body,
        list_position(
            ['architecture', 'model_type', 'pipeline_tag', 'config_source', 'leaderboard'],
            evidence
        ) as body_rank,
        {{ best_method(methods) }} as method,
        body is not null or method is not null
        or is_moe or is_multimodal or is_quantized or is_adapter or is_moe_either
        or is_moe_name or is_multimodal_type or is_merged or is_embedding or is_decoder_embedding
        or is_other_task or is_remote_code or is_not_quantized as is_telling
    from texts

),

matched as (

    select
        evidence.model_id,
        bool_or(matches.is_moe) as is_moe,
        bool_or(matches.is_moe_either) as is_moe_either,
        bool_or(matches.is_moe_name) as is_moe_name,
        bool_or(matches.is_multimodal)
        or (
            bool_or(matches.is_multimodal_type)
            and not bool_or(
                evidence.evidence = 'architecture' and evidence.text like '%ForCausalLM'
            )
        ) as is_multimodal,
        bool_or(matches.is_quantized) as is_quantized,
        bool_or(matches.is_not_quantized) as is_not_quantized,
        bool_or(matches.is_adapter) and not bool_or(matches.is_merged) as is_adapter,
        bool_or(evidence.evidence in ('architecture', 'model_type')) as has_class,
        bool_or(matches.is_embedding) as is_embedding,
        bool_or(matches.is_decoder_embedding) and not bool_or(matches.is_remote_code)
            as is_decoder_embedding,
        bool_or(matches.is_other_task) as is_other_task,
        min(matches.method) as method,
        -- The class speaks before the type, the type before the task; of two classes the one
        -- that keeps a model out of the decoders.
        first(
            matches.body
            order by
                matches.body_rank,
                list_position(['other', 'encoder_decoder', 'encoder', 'decoder'], matches.body)
        ) filter (matches.body is not null) as body
    from evidence
    inner join matches using (evidence, text)
    where matches.evidence in ('architecture', 'model_type') or matches.is_telling
    group by evidence.model_id

),

experts as (

    select
        model_id,
        bool_or(value > 1) as has_experts
    from {{ ref('int_structure_values_ranked') }}
    where field = 'experts' and is_chosen
    group by model_id

),

flags as (

    -- The first leaderboard's flag is wrong for many dense models, so it speaks last.
    select
        model_id,
        bool_or(is_moe) filter (leaderboard <> 'open_llm_v1') as later_boards,
        bool_or(is_moe) filter (leaderboard = 'open_llm_v1') as first_board
    from {{ ref('int_evaluations') }}
    {{ only_changed() }}
    group by model_id

),

final as (

    select
        ids.model_id,
        -- Unknown, not false, when neither experts, class nor a leaderboard says anything.
        case
            when experts.has_experts is not null then experts.has_experts
            when matched.is_moe or flags.later_boards then true
            when matched.is_moe_either and matched.is_moe_name then true
            when flags.later_boards is not null then false
            when matched.is_moe_either then null
            when matched.has_class then false
            when matched.is_moe_name then true
            else flags.first_board
        end as is_moe,
        case when matched.is_multimodal or matched.has_class then matched.is_multimodal end
            as is_multimodal,
        (coalesce(matched.is_quantized, false) or matched.method is not null)
        and not coalesce(matched.is_not_quantized, false) as is_quantized,
        case
            when not coalesce(matched.is_not_quantized, false) then matched.method['quantization']
        end as quantization,
        coalesce(matched.is_adapter, false) as is_adapter,
        case
            when matched.is_other_task then 'other'
            when matched.is_embedding and coalesce(matched.body, '') <> 'other' then 'embedding'
            when matched.is_decoder_embedding and matched.body = 'decoder' then 'embedding'
            else matched.body
        end as kind,
        kind = 'decoder' as is_decoder
    from {{ ref('int_model_ids') }} as ids
    left join matched using (model_id)
    left join experts using (model_id)
    left join flags using (model_id)

)

select * from final
