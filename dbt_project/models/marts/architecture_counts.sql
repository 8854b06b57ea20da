with models as (

    select * from {{ ref('models') }}
    where coalesce(is_decoder, true)

),

totals as (

    select
        count(*) as n_models_total,
        count(architecture) as n_with_architecture
    from models

),

counted as (

    select
        architecture,
        count(*) as n_models,
        count(*) filter (is_official) as n_official,
        coalesce(sum(likes), 0)::bigint as likes,
        count(likes) as n_with_likes,
        coalesce(sum(downloads), 0)::bigint as downloads,
        count(downloads) as n_with_downloads
    from models
    where architecture is not null
    group by architecture

),

final as (

    select
        counted.architecture,
        row_number() over (order by counted.n_models desc, counted.architecture) as rank,
        counted.n_models,
        round(counted.n_models / totals.n_with_architecture, 6) as share,
        counted.n_official,
        counted.likes,
        counted.n_with_likes,
        counted.downloads,
        counted.n_with_downloads,
        totals.n_with_architecture,
        totals.n_models_total,
        round(totals.n_with_architecture / totals.n_models_total, 6) as coverage
    from counted
    cross join totals

)

select * from final
