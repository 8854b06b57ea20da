{{ config(meta={'dagster': {'ref': {'name': 'pruning_effects'}}}) }}

-- Differences follow from scores, intervals enclose them, and the layers named are those counted.
with effects as (

    select
        *,
        [try_cast(layer as integer) for layer in string_split(removed_layers, ' ')] as layers
    from {{ ref('pruning_effects') }}

)

select
    result_key,
    before,
    after,
    difference,
    removed_layers,
    n_removed
from effects
where
    abs(difference - (after - before)) > 1e-6
    or difference not between difference_low - 1e-6 and difference_high + 1e-6
    or before not between before_low - 1e-6 and before_high + 1e-6
    or n_removed <> len(layers)
    or n_removed >= n_layers
    or layers <> list_sort(list_distinct(layers))
    or layers[1] < 0
    or layers[-1] >= n_layers
    or (selection = 'random') <> (selection_seed is not null)
    or n_samples < 1
