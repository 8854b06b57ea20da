{# Mean of the scores that an evaluation states. #}
{% macro mean_score(scores) -%}
    list_avg([{{ scores | join(', ') }}])
{%- endmacro %}

{#
True where all scores that an evaluation states lie in 0 to 1 and one is above 0: fractions, taken
for percentages. Scores that are no number say nothing.
#}
{% macro are_fractions(scores) -%}
    coalesce(
        list_min({{ stated(scores) }}) >= 0 and list_max({{ stated(scores) }}) between 1e-9 and 1,
        false
    )
{%- endmacro %}

{% macro stated(scores) -%}
    list_filter([{{ scores | join(', ') }}], lambda score: not isnan(score))
{%- endmacro %}

{# What copies of an evaluation share: all its scores; without any the evaluation is like no other. #}
{% macro scores_id(benchmarks) -%}
    case
        when mean_score is null then evaluation_id
        else md5(row({{ var(benchmarks) | join(', ') }})::varchar)
    end
{%- endmacro %}

{# A size in billions as stated; nothing below 0 or beyond what a count of parameters can hold. #}
{% macro stated_size(column) -%}
    case when {{ column }} between 0 and 1e6 then {{ column }} end
{%- endmacro %}

{#
Scores of a leaderboard in rows, from a relation with a column a benchmark. `columns` names the column
of a benchmark where it is another, `raw` the suffix of columns with the score before rescaling.
#}
{% macro score_rows(benchmarks, columns={}, raw=none) -%}
    unnest([
        {%- for benchmark in benchmarks %}
        {%- set column = columns.get(benchmark, benchmark) %}
        {
            benchmark: '{{ benchmark }}',
            score: {{ column }}::double,
            raw_score: {{ column ~ raw if raw else 'null' }}::double
        }{{ ',' if not loop.last }}
        {%- endfor %}
    ], recursive := true)
{%- endmacro %}
