{% set fewest = var('fewest_common_models') %}

with scores as (

    select
        model_id,
        score,
        family_group,
        leaderboard,
        benchmark,
        unnest(populations) as population
    from {{ ref('int_benchmark_scores_described') }}
    where not is_flagged

),

-- Numbered, because numbers group faster than names where pairs are many.
series as (

    select
        population,
        leaderboard,
        benchmark,
        count(*) as n,
        count(distinct family_group) as n_families,
        row_number() over (order by population, leaderboard, benchmark) as number
    from scores
    group by population, leaderboard, benchmark

),

numbered as (

    select
        scores.model_id,
        scores.score,
        scores.family_group,
        scores.population,
        series.number
    from scores
    inner join series using (population, leaderboard, benchmark)

),

-- Models that have both scores; each pair of benchmarks once.
common as (

    select
        a.number as number_a,
        b.number as number_b,
        a.score as score_a,
        b.score as score_b,
        a.family_group
    from numbered as a
    inner join numbered as b
        on a.model_id = b.model_id and a.population = b.population and a.number < b.number

),

points as (

    select
        'model' as unit,
        * exclude (family_group)
    from common
    union all
    select
        'family' as unit,
        number_a,
        number_b,
        median(score_a) as score_a,
        median(score_b) as score_b
    from common
    where family_group is not null
    group by number_a, number_b, family_group

),

{% for side in ['a', 'b'] %}
    -- Twice the rank of each score, less 1; equal ones share the mean of their ranks.
    ranks_{{ side }} as (

        select
            unit,
            number_a,
            number_b,
            score_{{ side }},
            2 * sum(count(*)) over (
                partition by unit, number_a, number_b order by score_{{ side }}
            ) - count(*) as rank_{{ side }}
        from points
        group by unit, number_a, number_b, score_{{ side }}

    ),
{% endfor %}

-- Rounded, because sums of floating-point numbers depend on the order of threads.
correlated as (

    select
        number_a,
        number_b,
        unit,
        count(*) as n,
        corr(ranks_a.rank_a, ranks_b.rank_b) as rho,
        -- Of equal scores alone there is no correlation, and of a few there is any.
        case when isfinite(rho) and n >= {{ fewest }} then round(rho, 6) end as spearman
    from points
    inner join ranks_a using (unit, number_a, number_b, score_a)
    inner join ranks_b using (unit, number_a, number_b, score_b)
    group by unit, number_a, number_b

),

pairs as (

    select
        models.number_a,
        models.number_b,
        models.n,
        models.spearman,
        coalesce(families.n, 0) as n_families,
        families.spearman as family_spearman
    from correlated as models
    left join correlated as families
        on
            models.number_a = families.number_a
            and models.number_b = families.number_b
            and families.unit = 'family'
    where models.unit = 'model' and models.n >= {{ fewest }}

),

matrix as (

    select * from pairs
    union all by name
    select * rename (number_a as number_b, number_b as number_a) from pairs
    union all by name
    select
        number as number_a,
        number as number_b,
        n,
        1 as spearman,
        n_families,
        case when n_families >= {{ fewest }} then 1 end as family_spearman
    from series
    where n >= {{ fewest }}

),

final as (

    select
        a.population,
        a.leaderboard as leaderboard_a,
        a.benchmark as benchmark_a,
        b.leaderboard as leaderboard_b,
        b.benchmark as benchmark_b,
        matrix.n,
        matrix.spearman,
        {{ spearman_interval('matrix.spearman', 'matrix.n', '-') }} as spearman_low,
        {{ spearman_interval('matrix.spearman', 'matrix.n', '+') }} as spearman_high,
        matrix.n_families,
        matrix.family_spearman,
        {{ spearman_interval('matrix.family_spearman', 'matrix.n_families', '-') }}
            as family_spearman_low,
        {{ spearman_interval('matrix.family_spearman', 'matrix.n_families', '+') }}
            as family_spearman_high
    from matrix
    inner join series as a on matrix.number_a = a.number
    inner join series as b on matrix.number_b = b.number

)

select * from final
