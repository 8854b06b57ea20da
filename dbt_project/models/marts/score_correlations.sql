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

-- Twice the rank among all models of the series; equal scores share the mean of their ranks.
numbered as (

    select
        scores.model_id,
        scores.score,
        scores.family_group,
        scores.population,
        series.number,
        rank() over by_score + count(*) over by_score as doubled_rank
    from scores
    inner join series using (population, leaderboard, benchmark)
    window by_score as (partition by series.number order by scores.score)

),

-- Models that have both scores; each pair of benchmarks once.
common as (

    select
        a.number as number_a,
        b.number as number_b,
        a.score as score_a,
        b.score as score_b,
        a.doubled_rank as rank_a,
        b.doubled_rank as rank_b,
        a.family_group
    from numbered as a
    inner join numbered as b
        on a.model_id = b.model_id and a.population = b.population and a.number < b.number

),

-- Most pairs are of one leaderboard, and every model has both scores: these ranks are right.
counted as (

    select
        together.*,
        together.n = a.n and together.n = b.n as is_complete
    from (
        select
            number_a,
            number_b,
            count(*) as n,
            corr(rank_a, rank_b) as rho
        from common
        group by number_a, number_b
        having count(*) >= {{ fewest }}
    ) as together
    inner join series as a on together.number_a = a.number
    inner join series as b on together.number_b = b.number

),

-- Others are ranked anew among the models that have both, and so are families.
points as (

    select
        'model' as unit,
        common.number_a,
        common.number_b,
        common.score_a,
        common.score_b
    from common
    inner join counted using (number_a, number_b)
    where not counted.is_complete
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

ranked as (

    select
        unit,
        number_a,
        number_b,
        rank() over by_a + count(*) over by_a as rank_a,
        rank() over by_b + count(*) over by_b as rank_b
    from points
    window
        by_a as (partition by unit, number_a, number_b order by score_a),
        by_b as (partition by unit, number_a, number_b order by score_b)

),

correlated as (

    select
        unit,
        number_a,
        number_b,
        count(*) as n,
        corr(rank_a, rank_b) as rho
    from ranked
    group by unit, number_a, number_b

),

-- Of equal scores alone there is no correlation, and of a few there is any. Rounded, because sums
-- of floating-point numbers depend on the order of threads.
pairs as (

    select
        counted.number_a,
        counted.number_b,
        counted.n,
        case
            when counted.is_complete and isfinite(counted.rho) then round(counted.rho, 6)
            when not counted.is_complete and isfinite(models.rho) then round(models.rho, 6)
        end as spearman,
        coalesce(families.n, 0) as n_families,
        case
            when families.n >= {{ fewest }} and isfinite(families.rho)
                then round(families.rho, 6)
        end as family_spearman
    from counted
    left join correlated as models
        on
            models.unit = 'model'
            and counted.number_a = models.number_a
            and counted.number_b = models.number_b
    left join correlated as families
        on
            families.unit = 'family'
            and counted.number_a = families.number_a
            and counted.number_b = families.number_b

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
