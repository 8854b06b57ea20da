{{ config(meta={'dagster': {'ref': {'name': 'pruning_paths'}}}) }}

-- Differences follow from scores, intervals enclose them, the layers named are those counted, and
-- but for blocks and beams each step has the layers of the one before and its own.
with steps as (

    select
        *,
        [try_cast(one as integer) for one in string_split(removed_layers, ' ')] as layers,
        [try_cast(one as integer) for one in string_split(removal_order, ' ')] as ordered
    from {{ ref('pruning_paths') }}

),

followed as (

    select
        *,
        lag(ordered) over (
            partition by path_id, task, split, data_sha256, is_healed, healing, healing_seed
            order by step
        ) as ordered_before
    from steps

)

select
    result_key,
    path,
    step,
    removed_layers,
    before,
    after,
    difference
from followed
where
    abs(difference - (after - before)) > 1e-6
    or difference not between difference_low - 1e-6 and difference_high + 1e-6
    or before not between before_low - 1e-6 and before_high + 1e-6
    or step <> len(layers)
    or step >= n_layers
    or layers <> list_sort(list_distinct(ordered))
    or layers[1] < 0
    or layers[-1] >= n_layers
    or ordered[-1] <> layer
    or (path in ('iterative', 'one_shot', 'random') and ordered[:len(ordered_before)] <> ordered_before)
    or (path = 'block' and layers[-1] - layers[1] <> step - 1)
    or (path = 'random') <> (path_seed is not null)
    or (path = 'random') <> (calibration is null)
    or (path = 'random') <> (criterion = 'random')
    or is_healed <> (healing is not null)
    or n_items < 1
