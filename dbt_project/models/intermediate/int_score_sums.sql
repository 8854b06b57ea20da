with scores as (

    select
        benchmark,
        score,
        rounded_size,
        size_class,
        training_type,
        -- Fine-tunes of one base model are near copies; a model of unknown family stands alone.
        coalesce('family ' || family, 'model ' || model_id) as family
    from {{ ref('int_benchmark_scores_described') }}
    where
        leaderboard = 'open_llm_v1'
        and not is_flagged
        and not is_failed_generation

),

parts as (

    select
        'size_range' as evidence,
        scores.benchmark,
        ranges.part,
        scores.family,
        scores.score
    from scores
    inner join (values ('size_5_10', 5, 10), ('size_10_20', 10, 20), ('size_20_40', 20, 40))
        as ranges (part, lower, upper)
        on scores.rounded_size >= ranges.lower and scores.rounded_size < ranges.upper
    union all by name
    select
        'spread' as evidence,
        benchmark,
        'all' as part,
        family,
        score
    from scores
    union all by name
    select
        'post_training' as evidence,
        benchmark,
        size_class as part,
        family,
        score,
        training_type <> 'pretrained' as is_post_trained
    from scores
    where training_type in ('pretrained', 'fine-tuned', 'chat') and size_class is not null

),

final as (

    select
        evidence,
        benchmark,
        part,
        coalesce(is_post_trained, false) as is_post_trained,
        family,
        count(*) as n,
        -- Decimals add up to the same in any order.
        sum(score::decimal(18, 9))::decimal(28, 9) as total,
        sum((score ^ 2)::decimal(18, 9))::decimal(28, 9) as squares
    from parts
    group by all

)

select * from final
