{% set step = var('score_threshold_step') %}
{% set cell = 'leaderboard, benchmark, population' %}

-- Steps are thresholds reached. Grouped before a model counts for several populations and
-- thresholds: then there are few rows. The least of the structs is the smallest model, then the
-- oldest, so that an equal one sets no new mark, then the best and the first by name. A size on
-- which the sources disagree is no evidence of a small model.
with grouped as (

    select
        leaderboard,
        benchmark,
        populations,
        floor(score / {{ step }})::integer as steps,
        date is not null and size is not null and not has_size_conflict as is_used,
        date_trunc('month', date)::date as month,
        count(*) as n,
        min(
            struct_pack(
                rounded_size := rounded_size, date := date, negative_score := -score,
                model_id := model_id, size := size, size_source := size_source
            )
        ) as smallest
    from {{ ref('int_benchmark_scores_described') }}
    where not is_flagged
    group by all

),

populated as (

    select
        *,
        unnest(populations) as population
    from grouped

),

totals as (

    select
        {{ cell }},
        sum(n)::bigint as n_scored,
        coalesce(sum(n) filter (is_used), 0)::bigint as n_used,
        max(month) as last_month
    from populated
    group by {{ cell }}

),

reached as (

    select
        {{ cell }},
        unnest(range(1, steps + 1)) * {{ step }} as threshold,
        month,
        n,
        smallest
    from populated
    where is_used

),

thresholds as (

    select
        {{ cell }},
        threshold,
        month,
        sum(n) as n_new,
        min(smallest) as smallest
    from reached
    group by {{ cell }}, threshold, month

),

months as (

    select
        {{ cell }},
        thresholds.threshold,
        unnest(
            generate_series(
                min(thresholds.month), any_value(totals.last_month), interval 1 month
            )
        )::date as month
    from thresholds
    inner join totals using ({{ cell }})
    group by {{ cell }}, thresholds.threshold

),

so_far as (

    select
        {{ cell }},
        threshold,
        month,
        sum(coalesce(thresholds.n_new, 0)) over up_to_now as n_so_far,
        thresholds.smallest,
        min(thresholds.smallest) over up_to_now as smallest_so_far
    from months
    left join thresholds using ({{ cell }}, threshold, month)
    window up_to_now as (partition by {{ cell }}, threshold order by month)

),

final as (

    select
        {{ cell }},
        so_far.threshold::integer as threshold,
        so_far.month,
        so_far.smallest_so_far['rounded_size'] as rounded_size,
        so_far.smallest_so_far['size'] as size,
        so_far.smallest_so_far['size_source'] as size_source,
        so_far.smallest_so_far['model_id'] as model_id,
        -so_far.smallest_so_far['negative_score'] as score,
        so_far.smallest_so_far['date'] as date,
        coalesce(
            so_far.smallest['model_id'] = so_far.smallest_so_far['model_id'], false
        ) as is_record,
        so_far.n_so_far::bigint as n_so_far,
        totals.n_scored,
        totals.n_used,
        round(totals.n_used / totals.n_scored, 6) as coverage
    from so_far
    inner join totals using ({{ cell }})

)

select * from final
