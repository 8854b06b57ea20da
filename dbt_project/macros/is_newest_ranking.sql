{# True for entries of a dataset's newest leaderboard, whose entries all have one time. #}
{% macro is_newest_ranking(rankings) -%}
    {{ rankings }}.fetched_at = (
        select max(newest.fetched_at)
        from {{ ref('stg_landing__hub_leaderboards') }} as newest
        where newest.dataset_id = {{ rankings }}.dataset_id
    )
{%- endmacro %}
