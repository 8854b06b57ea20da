{% set measurement = [
    'model_id', 'weights_sha256', 'benchmark', 'metric', 'protocol', 'num_fewshot', 'seed',
    'document_limit', 'max_length', 'data_sha256', 'dtype', 'device', 'n_removed',
] %}

with effects as (

    select
        *,
        -- Equal scores may differ by rounding.
        round(difference, 9) as rounded
    from {{ ref('pruning_effects') }}

),

draws as (

    select
        chosen.result_key,
        count(drawn.result_key) as n_draws,
        count(*) filter (drawn.rounded < chosen.rounded) as n_draws_beaten,
        count(*) filter (drawn.rounded = chosen.rounded) as n_draws_equalled,
        -- Decimals add up to the same in any order.
        avg(drawn.difference::decimal(18, 12)) as mean_drawn_difference,
        min(drawn.difference) as least_drawn_difference,
        max(drawn.difference) as greatest_drawn_difference
    from effects as chosen
    left join effects as drawn
        on
            drawn.selection = 'random'
            {% for column in measurement %}
                and chosen.{{ column }} is not distinct from drawn.{{ column }}
            {% endfor %}
    where chosen.selection <> 'random'
    group by all

),

final as (

    select
        effects.model_id,
        effects.benchmark,
        effects.protocol,
        effects.metric,
        effects.n_removed,
        effects.removed_layers,
        effects.selection,
        effects.before,
        effects.after,
        effects.difference,
        effects.difference_low,
        effects.difference_high,
        draws.n_draws,
        draws.n_draws_beaten,
        draws.n_draws_equalled,
        draws.mean_drawn_difference,
        draws.least_drawn_difference,
        draws.greatest_drawn_difference,
        effects.chance,
        effects.is_at_chance,
        effects.n_layers,
        effects.n_samples,
        effects.document_limit,
        effects.dtype,
        effects.device,
        effects.weights_format,
        effects.weights_sha256,
        effects.result_key
    from draws
    inner join effects using (result_key)

)

select * from final
