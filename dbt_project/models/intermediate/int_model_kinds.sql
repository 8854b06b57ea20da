-- depends_on: {{ ref('model_kind_rules') }}
{% set rules = rules('model_kind_rules', 'kind, evidence, pattern') %}

with evidence as (

    select * from {{ ref('int_model_evidence') }}

),

texts as (

    select distinct
        evidence,
        text
    from evidence

),

matches as (

    -- Rules are matched against each distinct text once, not against each model.
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
        {{ any_kind_rule(rules, 'merged') }} as is_merged
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
        bool_or(matches.is_adapter) and not bool_or(matches.is_merged) as is_adapter,
        bool_or(evidence.evidence in ('architecture', 'model_type')) as has_class
    from evidence
    inner join matches using (evidence, text)
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
            else flags.first_board
        end as is_moe,
        case when matched.is_multimodal or matched.has_class then matched.is_multimodal end
            as is_multimodal,
        coalesce(matched.is_quantized, false) as is_quantized,
        coalesce(matched.is_adapter, false) as is_adapter
    from {{ ref('int_model_ids') }} as ids
    left join matched using (model_id)
    left join experts using (model_id)
    left join flags using (model_id)

)

select * from final
