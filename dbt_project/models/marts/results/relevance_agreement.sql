{% set measurement = [
    'model_id', 'weights_sha256', 'task', 'split', 'protocol', 'data_sha256', 'max_length', 'dtype',
    'device', 'unit',
] %}

with maps as (

    select *
    from {{ ref('layer_relevance') }}
    where step = 0 and method = 'exact' and relevance is not null

),

-- The first and last two layers stand out by any measure, and the paper leaves them out.
points as (

    select
        *,
        'all' as layers_compared
    from maps
    union all
    select
        *,
        'middle' as layers_compared
    from maps
    where layer between 2 and n_layers - 3

),

-- Equal values share twice the mean of their ranks; places tell them apart as pruning does.
ranked as (

    select
        *,
        rank() over by_value + count(*) over by_value as doubled_rank,
        row_number() over (
            partition by result_key, criterion, layers_compared
            order by relevance_rank
        ) as place
    from points
    window by_value as (
        partition by result_key, criterion, layers_compared
        order by relevance
    )

),

paired as (

    select
        mine.*,
        other.criterion as reference,
        other.result_key as reference_result_key,
        coalesce(mine.is_packed, other.is_packed) as is_cosine_packed,
        other.relevance as reference_relevance,
        other.doubled_rank as reference_doubled_rank,
        other.place as reference_place
    from ranked as mine
    inner join ranked as other
        on
            mine.criterion <> other.criterion
            and mine.layer = other.layer
            and mine.layers_compared = other.layers_compared
            {% for column in measurement %}
                and mine.{{ column }} is not distinct from other.{{ column }}
            {% endfor %}

),

-- As many as pruning a quarter in one shot removes.
quartered as (

    select
        *,
        greatest(round_even(count(*) over pair / 4, 0), 1)::integer as n_quarter
    from paired
    window pair as (
        partition by result_key, criterion, reference_result_key, reference, layers_compared
    )

),

final as (

    select
        model_id,
        task,
        split,
        criterion,
        reference,
        unit,
        layers_compared,
        count(*)::integer as n_layers_compared,
        -- Rounded, because sums of floating-point numbers depend on the order of threads; of equal
        -- values alone there is no correlation.
        round(corr(relevance, reference_relevance), 6) as pearson,
        round(corr(doubled_rank, reference_doubled_rank), 6) as spearman,
        (count(*) filter (place = reference_place))::integer as n_same_rank,
        (count(*) filter (abs(place - reference_place) <= 2))::integer as n_near_rank,
        avg(abs(place - reference_place)::decimal(18, 0)) as mean_rank_difference,
        n_quarter,
        (count(*) filter (place <= n_quarter and reference_place <= n_quarter))::integer
            as n_quarter_shared,
        (min(reference_place) filter (place = 1))::integer as reference_rank_of_least,
        string_agg(reference_place::varchar, ' ' order by place) as reference_ranks,
        is_cosine_packed,
        n_items,
        n_layers,
        protocol,
        max_length,
        dtype,
        device,
        weights_format,
        weights_sha256,
        data_sha256,
        result_key,
        reference_result_key
    from quartered
    group by all
    having count(*) >= 3

)

select * replace (
    case when isfinite(pearson) then pearson end as pearson,
    case when isfinite(spearman) then spearman end as spearman
)
from final
