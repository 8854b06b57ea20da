{{ config(
    severity='warn',
    meta={'dagster': {'ref': {'name': 'column_statistics_comparison'}}}
) }}

-- The middle model of the paper's data and of these should be of one kind.
select *
from {{ ref('column_statistics_comparison') }}
where
    statistic = 'q2'
    and column_name in ('size', 'd_model', 'd_ffn', 'heads', 'layers')
    and not ratio between 0.5 and 2
