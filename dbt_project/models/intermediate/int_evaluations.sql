{{ config(
    materialized='incremental',
    meta={'replaces': is_changed('model_id', or_null=true)},
) }}

{% set common = 'record_id|evaluation_id|model_id|architecture|weight_type|precision|license|likes'
    ~ '|stated_size|model_sha|symbol|type_text|is_flagged|is_merged|is_moe|evaluated_on|evaluated_at|mean_score' %}
{% set run = ['leaderboard', 'model_id', 'precision', 'weight_type', 'model_sha'] %}

with staged as (

    select
        'open_llm_v1' as leaderboard,
        landing_table,
        columns('{{ common }}'),
        {{ scores_id('open_llm_v1_benchmarks') }} as scores_id
    from {{ ref('stg_landing__open_llm_leaderboard_v1') }}
    where rejection_reason is null {{ only_changed('model_id', 'and', or_null=true) }}
    union all by name
    select
        'open_llm_v2' as leaderboard,
        'open_llm_leaderboard_v2' as landing_table,
        columns('{{ common }}|model_name|uploaded_on|is_official|base_model'),
        {{ scores_id('open_llm_v2_benchmarks') }} as scores_id
    from {{ ref('stg_landing__open_llm_leaderboard_v2') }}
    where rejection_reason is null {{ only_changed('model_id', 'and', or_null=true) }}
    union all by name
    select
        'bigcodebench' as leaderboard,
        'bigcodebench' as landing_table,
        columns('record_id|evaluation_id|model_id|model_name|stated_size|is_moe|mean_score'),
        stated_active_size,
        released_on as evaluated_on,
        false as is_flagged,
        evaluation_id as scores_id
    from {{ ref('stg_landing__bigcodebench') }}
    where rejection_reason is null {{ only_changed('model_id', 'and', or_null=true) }}

),

landed as (

    select staged.*
    from staged
    {{ not_set_aside('staged') }}

),

texts as (

    select
        landed.type_text,
        any_value(training.training_type) as training_type
    from (select distinct type_text from landed) as landed
    inner join {{ ref('training_types') }} as training
        on regexp_matches(
            lower(regexp_replace(landed.type_text, '^[^A-Za-z]+', '')), training.text_pattern
        )
    group by landed.type_text
    -- What two words could mean is unknown.
    having count(distinct training.training_type) = 1

),

resolved as (

    select
        landed.* replace (
            aliases.model_id as model_id,
            coalesce(landed.model_name, landed.model_id) as model_name
        )
    from landed
    left join {{ ref('int_model_aliases') }} as aliases on landed.model_id = aliases.seen_id

),

flagged as (

    select distinct
        {{ run | join(', ') }},
        scores_id
    from resolved
    where is_flagged

),

ranked as (

    select
        resolved.* replace (
            -- A flag holds for every copy: some stand there under several spellings of a name.
            resolved.is_flagged
            or flagged.scores_id is not null
            -- The archive does not say which models the leaderboard flagged.
            or resolved.landing_table is not distinct from 'open_llm_v1_results'
            and exists (
                from flagged as others
                where others.leaderboard = 'open_llm_v1' and others.model_id = resolved.model_id
            ) as is_flagged
        ),
        coalesce(by_symbol.training_type, by_text.training_type) as training_type,
        case
            when by_symbol.training_type = by_text.training_type then 'symbol and text'
            when by_symbol.training_type <> by_text.training_type then 'symbol against text'
            when by_symbol.training_type is not null then 'symbol'
            when by_text.training_type is not null then 'text'
        end as training_type_source,
        coalesce(by_precision.rank, 3) as precision_rank,
        coalesce(by_weight.rank, 2) as weight_rank
    from resolved
    left join flagged
        on
            resolved.scores_id = flagged.scores_id
            {% for column in run %}
                and resolved.{{ column }} is not distinct from flagged.{{ column }}
            {% endfor %}
    left join {{ ref('training_types') }} as by_symbol
        -- Some symbols come with a variation selector behind them.
        on trim(replace(resolved.symbol, chr(65039), '')) = by_symbol.symbol
    left join texts as by_text using (type_text)
    left join {{ ref('evaluation_preference') }} as by_precision
        on by_precision.attribute = 'precision' and resolved.precision = by_precision.value
    left join {{ ref('evaluation_preference') }} as by_weight
        on by_weight.attribute = 'weight_type' and resolved.weight_type = by_weight.value

),

final as (

    select
        *,
        -- Best evidence first: not flagged, full precision, own weights, latest. Of the same time:
        -- under the repository's own name, then the lower scores, so that none is overrated.
        row_number() over (
            partition by model_id, leaderboard
            order by
                is_flagged,
                precision_rank,
                weight_rank,
                evaluated_on desc nulls last,
                evaluated_at desc nulls last,
                lower(split_part(model_name, '/', -1)) <> lower(split_part(model_id, '/', -1)),
                mean_score,
                evaluation_id
        ) as evidence_rank
    from ranked

)

select * exclude (scores_id, mean_score, evaluated_at, precision_rank, weight_rank) from final
