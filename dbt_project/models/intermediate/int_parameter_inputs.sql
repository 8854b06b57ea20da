{{ config(tags=['work']) }}

-- The variables of the parameter formulas, one set a model. Where a partial config leaves a switch
-- or the head dimension open, the class's own default is assumed and named.
with plausible as (

    select
        {% for field in var('structural_fields') if field != 'expansion_ratio' %}
            case
                when not list_contains(implausible_fields, '{{ field }}') then {{ field }}
            end::double as {{ field }},
        {% endfor %}
        model_id,
        config_type,
        has_verbatim_config as is_verbatim
    from {{ ref('int_structures') }}
    where n_plausible > 0 {{ only_changed('model_id', 'and') }}

),

-- What the class's own default will stand in for.
opened as (

    select
        *,
        list_filter(
            [
                {% for field in ['head_dim', 'attention_bias', 'mlp_bias', 'tie_word_embeddings'] %}
                    case when {{ field }} is null then '{{ field }}' end{{ ',' if not loop.last }}
                {% endfor %}
            ],
            lambda field: field is not null
        ) as assumed_fields
    from plausible

),

classed as (

    select
        opened.* exclude (config_type),
        coalesce(opened.config_type, by_class.model_type) as config_type
    from opened
    left join {{ ref('int_models_described') }} using (model_id)
    left join {{ ref('int_config_architectures') }} as by_class using (architecture)

),

-- A type whose language model sits in a sub-config is counted as that language model.
languages as (

    select
        classed.*,
        coalesce(levels.language_type, classed.config_type) as language_type
    from classed
    left join
        {{ ref('int_config_type_levels') }} as levels
        on classed.config_type = levels.model_type

),

assumed as (

    select
        languages.* exclude (head_dim, attention_bias, mlp_bias, tie_word_embeddings)
        replace (
            coalesce(languages.dense_d_ffn, languages.d_ffn) as d_ffn,
            -- Latent attention without a compressed query: the rank at which the formula's two
            -- projections count as many parameters as the one that is there.
            coalesce(
                languages.q_lora_rank,
                case
                    when languages.is_verbatim
                        then 1 / (
                            1 / languages.d_model
                            + 1 / (
                                languages.heads
                                * (languages.qk_nope_head_dim + languages.qk_rope_head_dim)
                            )
                        )
                end
            ) as q_lora_rank
        ),
        coalesce(
            languages.head_dim,
            case types.head_dim_rule
                when 'd_model/heads' then languages.d_model // nullif(languages.heads, 0)
                else types.head_dim_default
            end
        ) as head_dim,
    {% for field in ['attention_bias', 'mlp_bias', 'tie_word_embeddings'] %}
        coalesce(languages.{{ field }}, types.{{ field }}_default) as {{ field }}
        {{- ',' if not loop.last }}
    {% endfor %}
    from languages
    left join {{ ref('int_config_types') }} as types on languages.language_type = types.model_type

)

select
    *,
    1 - tie_word_embeddings as untied,
    layers - dense_layers as sparse_layers
from assumed
