with draws as (

    {{ group_draws(ref('int_score_sums'), 'family') }}

),

drawn as (

    select
        sums.evidence,
        sums.benchmark,
        sums.part,
        sums.is_post_trained,
        draws.draw,
        sum(draws.weight * sums.n) as n,
        -- Decimals add up to the same in any order.
        sum(draws.weight::decimal(1, 0) * sums.total)::double as total,
        sum(draws.weight::decimal(1, 0) * sums.squares)::double as squares
    from {{ ref('int_score_sums') }} as sums
    inner join draws using (family)
    group by all

),

final as (

    select
        evidence,
        benchmark as subject,
        part as item,
        draw,
        total / n as value,
        n
    from drawn
    where evidence = 'size_range'
    union all by name
    select
        evidence,
        'open_llm_v1' as subject,
        benchmark as item,
        draw,
        sqrt(squares / n - (total / n) ^ 2) as value,
        n
    from drawn
    where evidence = 'spread'
    union all by name
    -- Post-trained models less pretrained ones of the same size class, averaged over the sizes of
    -- the pretrained.
    select
        post_trained.evidence,
        'open_llm_v1' as subject,
        benchmark as item,
        draw,
        sum(
            pretrained.n * (post_trained.total / post_trained.n - pretrained.total / pretrained.n)
            order by part
        ) / sum(pretrained.n) as value,
        sum(post_trained.n + pretrained.n) as n
    from drawn as post_trained
    inner join drawn as pretrained using (evidence, benchmark, part, draw)
    where
        post_trained.evidence = 'post_training'
        and post_trained.is_post_trained
        and not pretrained.is_post_trained
    group by post_trained.evidence, benchmark, draw

)

select * from final
