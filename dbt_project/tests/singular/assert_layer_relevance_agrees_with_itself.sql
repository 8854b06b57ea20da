{{ config(meta={'dagster': {'ref': {'name': 'layer_relevance'}}}) }}

-- Each measurement has every layer that is left, once, and none of those removed; the ranks number
-- them; relevance by accuracy follows from the scores (equation 3).
with maps as (

    select
        *,
        [
            try_cast(one as integer)
            for one in string_split(removed_layers, ' ')
            if one <> ''
        ] as gone
    from {{ ref('layer_relevance') }}

),

wrong_layers as (

    select
        result_key,
        criterion,
        min(layer) as layer
    from maps
    group by result_key, criterion
    having
        count(*) <> any_value(n_layers) - any_value(step)
        or bool_or(len(gone) <> step)
        or bool_or(list_contains(gone, layer))
        or bool_or(layer not between 0 and n_layers - 1)
        or bool_or(gone <> list_sort(list_distinct(gone)))
        or (count(relevance_rank) > 0 and list_sort(list(relevance_rank)) <> range(1, count(*) + 1))

),

wrong_values as (

    select
        result_key,
        criterion,
        layer
    from maps
    where
        (relevance is null) <> (undefined_because is not null)
        or (
            criterion = 'accuracy'
            and method = 'exact'
            and abs(relevance - (1 - greatest(score_without - chance, 0) / (score - chance))) > 1e-6
        )
        or (method = 'racing') <> (error_rate is not null)
        or n_scored > n_items

)

select * from wrong_layers
union all
select * from wrong_values
