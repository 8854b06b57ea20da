-- Statistics of the first leaderboard's scores and what each family adds to their error, so that the
-- difference of two of them has an interval that knows which models both rest on.
with scores as (

    select
        benchmark,
        score,
        rounded_size,
        size_class,
        training_type,
        -- Fine-tunes of one base model are near copies; a model of unknown family stands alone.
        coalesce('family ' || family, 'model ' || model_id) as cluster
    from {{ ref('int_benchmark_scores_described') }}
    where
        leaderboard = 'open_llm_v1'
        and not is_flagged
        and not is_failed_generation

),

ranges as (

    from (values ('size_5_10', 5, 10), ('size_10_20', 10, 20), ('size_20_40', 20, 40))
        as ranges (item, lower, upper)

),

in_ranges as (

    select
        'size_range' as evidence,
        scores.benchmark as subject,
        ranges.item,
        scores.cluster,
        avg(scores.score::decimal(18, 12)) over one_range as value,
        (scores.score - value) / count(*) over one_range as influence
    from scores
    inner join ranges
        on scores.rounded_size >= ranges.lower and scores.rounded_size < ranges.upper
    window one_range as (partition by scores.benchmark, ranges.item)

),

spreads as (

    select
        'spread' as evidence,
        'open_llm_v1' as subject,
        benchmark as item,
        cluster,
        stddev_pop(score) over one_benchmark as value,
        ((score - avg(score) over one_benchmark) ^ 2 - value ^ 2)
        / nullif(2 * value * count(*) over one_benchmark, 0) as influence
    from scores
    window one_benchmark as (partition by benchmark)

),

-- Post-trained models less pretrained ones of the same size class, averaged over the sizes of the
-- pretrained.
trained as (

    select
        benchmark,
        size_class,
        cluster,
        score,
        training_type <> 'pretrained' as is_post_trained
    from scores
    where
        training_type in ('pretrained', 'fine-tuned', 'chat')
        and size_class is not null
    qualify
        count(*) filter (is_post_trained) over (partition by benchmark, size_class) > 0
        and count(*) filter (not is_post_trained) over (partition by benchmark, size_class) > 0

),

weighed as (

    select
        *,
        count(*) filter (not is_post_trained) over (partition by benchmark, size_class)
        / count(*) filter (not is_post_trained) over (partition by benchmark) as weight,
        avg(score::decimal(18, 12)) over one_arm as arm_mean,
        count(*) over one_arm as arm_n,
        case when is_post_trained then 1 else -1 end as sign
    from trained
    window one_arm as (partition by benchmark, size_class, is_post_trained)

),

gains as (

    select
        'post_training' as evidence,
        'open_llm_v1' as subject,
        benchmark as item,
        cluster,
        -- Each model has its share of the mean of its arm.
        sum(sign * weight * (arm_mean / arm_n)::decimal(18, 12))
            over (partition by benchmark) as value,
        sign * weight * (score - arm_mean) / arm_n as influence
    from weighed

),

final as (

    select
        evidence,
        subject,
        item,
        cluster,
        any_value(value)::double as value,
        sum(influence) as influence,
        count(*) as n
    from (
        select * from in_ranges
        union all by name
        select * from spreads
        union all by name
        select * from gains
    ) as parts
    group by evidence, subject, item, cluster

)

select * from final
