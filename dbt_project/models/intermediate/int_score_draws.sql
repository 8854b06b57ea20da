with cells as (

    select distinct
        evidence,
        benchmark,
        part,
        is_post_trained
    from {{ ref('int_score_sums') }}

),

-- Many families are drawn in groups, which hardly widens an interval and bounds the work.
sums as (

    select
        scores.evidence,
        scores.benchmark,
        scores.part,
        scores.is_post_trained,
        case
            when families.n > {{ var('claim_groups') }}
                then 'group ' || md5_number_lower(scores.family) % {{ var('claim_groups') }}
            else scores.family
        end as draw_group,
        sum(scores.n) as n,
        sum(scores.total) as total,
        sum(scores.squares) as squares
    from {{ ref('int_score_sums') }} as scores
    cross join (
        select count(distinct family) as n from {{ ref('int_score_sums') }}
    ) as families
    group by all

),

draws as (

    {{ group_draws('sums', 'draw_group') }}

),

places as (

    select
        draw_group,
        place
    from draws
    where draw = 0

),

weights as materialized (

    select
        draw,
        list(weight order by place) as weights
    from draws
    group by draw

),

-- A number a group, as many and in the same order as there are weights.
vectors as materialized (

    select
        cells.evidence,
        cells.benchmark,
        cells.part,
        cells.is_post_trained,
        list(coalesce(sums.n, 0)::double order by places.place) as n,
        list(coalesce(sums.total, 0)::double order by places.place) as total,
        list(coalesce(sums.squares, 0)::double order by places.place) as squares
    from cells
    cross join places
    left join sums using (evidence, benchmark, part, is_post_trained, draw_group)
    group by all

),

products as materialized (

    select
        vectors.evidence,
        vectors.benchmark,
        vectors.part,
        vectors.is_post_trained,
        weights.draw,
        list_dot_product(vectors.n, weights.weights) as n,
        list_dot_product(vectors.total, weights.weights) as total,
        list_dot_product(vectors.squares, weights.weights) as squares
    from vectors
    cross join weights

),

-- A draw may have no model of a part.
drawn as (

    select * from products
    where n > 0

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
