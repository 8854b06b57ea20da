{% set cell = 'leaderboard, benchmark, population, training_type' %}

with scores as (

    select
        leaderboard,
        benchmark,
        score,
        size,
        rounded_size,
        family,
        populations,
        unnest(
            case when training_type is null then ['all'] else ['all', training_type] end
        ) as training_type
    from {{ ref('int_benchmark_scores_described') }}
    where not is_flagged and size is not null

),

populated as (

    select
        * exclude (populations),
        unnest(list_filter(populations, lambda population: population in ('all', 'official')))
            as population
    from scores

),

sizes as (

    select
        {{ cell }},
        rounded_size,
        count(*) as n,
        sum(n) over (partition by {{ cell }}) as n_models,
        sum(n) over (partition by {{ cell }} order by rounded_size) - n / 2 as middle_rank
    from populated
    group by {{ cell }}, rounded_size

),

-- All models of a size go where the middle one of them belongs, so bins are of equal frequency only
-- as far as sizes are many; those that stay empty are not counted.
binned as (

    select
        {{ cell }},
        rounded_size,
        dense_rank() over (partition by {{ cell }} order by floor(
            middle_rank / n_models * greatest(
                1,
                least(
                    {{ var('size_bins') }}, n_models // {{ var('fewest_models_per_size_bin') }}
                )
            )
        )) as bin
    from sizes

),

placed as (

    select
        populated.*,
        binned.bin
    from populated
    inner join binned using ({{ cell }}, rounded_size)

),

-- Decimals, because sums of floating-point numbers depend on the order of threads.
families as (

    select
        {{ cell }},
        bin,
        avg(family_score::decimal(18, 12)) as family_mean_score,
        count(*) as n_families
    from (
        select
            {{ cell }},
            bin,
            family,
            avg(score::decimal(18, 12)) as family_score
        from placed
        where family is not null
        group by {{ cell }}, bin, family
    ) as family_scores
    group by {{ cell }}, bin

),

summarised as (

    select
        {{ cell }},
        bin,
        count(*) as n,
        min(size) as lowest_size,
        median(size) as median_size,
        max(size) as highest_size,
        avg(score::decimal(18, 12)) as mean_score,
        quantile_cont(score, [0.25, 0.5, 0.75]) as quartiles
    from placed
    group by {{ cell }}, bin

),

final as (

    select
        {{ cell }},
        summarised.bin,
        summarised.n,
        summarised.lowest_size,
        summarised.median_size,
        summarised.highest_size,
        summarised.mean_score,
        summarised.quartiles[1] as q1_score,
        summarised.quartiles[2] as q2_score,
        summarised.quartiles[3] as q3_score,
        coalesce(families.n_families, 0) as n_families,
        families.family_mean_score
    from summarised
    left join families using ({{ cell }}, bin)

)

select * from final
