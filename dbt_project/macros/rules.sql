{#
Rows of a table that an earlier node of the same run built; none where it is not there yet (`dbt
compile` on an empty file). It is read by its name: a unit test puts its fixtures in place of what
ref() names, and they are no tables that a macro could read.
#}
{% macro built_rows(schema, table, columns, condition='true') %}
    {% set relation = adapter.get_relation(
        database=target.database, schema=schema, identifier=table
    ) if execute %}
    {% if not relation %}
        {{ return([]) }}
    {% endif %}
    {{ return(run_query('select ' ~ columns ~ ' from ' ~ relation ~ ' where ' ~ condition ~ ' order by all').rows) }}
{% endmacro %}

{#
Rows of a rule seed as constants of the query, because DuckDB compiles a constant pattern once and
a pattern from a column once a row.
#}
{% macro rules(seed, columns) %}
    {{ return(built_rows('rules', seed, columns)) }}
{% endmacro %}

{% macro literal(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{#
True if a rule of the kind matches the columns `evidence` and `text`; `rules` as (kind, evidence,
pattern). A `case`, because `and` would meet every text with every pattern.
#}
{% macro any_kind_rule(rules, kind) -%}
    {%- set chosen = rules | selectattr(0, 'equalto', kind) | list -%}
    case evidence
        {%- for evidence, patterns in chosen | groupby(1) %}
        when {{ literal(evidence) }}
            then regexp_matches(text, {{ literal('(?:' ~ patterns | join(')|(?:', attribute=2) ~ ')') }})
        {%- endfor %}
        {%- if not chosen %} when '' then false {% endif %}
        else false
    end
{%- endmacro %}

{#
Of the rules about quantisation, as (quantization, evidence, pattern, preference), that match the
columns `evidence` and `text` the preferred one, as a struct that sorts by preference, then by
evidence, then by name.
#}
{% macro best_method(methods) -%}
    {%- set order = ['quantization_method', 'tag', 'name', 'id', 'library', 'precision'] -%}
    case evidence
        {%- for evidence, rules in methods | groupby(1) %}
        when {{ literal(evidence) }} then list_min([
            {%- for rule in rules %}
            case when regexp_matches(text, {{ literal(rule[2]) }}) then struct_pack(
                preference := {{ rule[3] }}, place := {{ order.index(evidence) }},
                quantization := {{ literal(rule[0]) }}
            ) end{{ ',' if not loop.last }}
            {%- endfor %}
        ])
        {%- else %}
        when '' then {'preference': 0, 'place': 0, 'quantization': ''}
        {%- endfor %}
    end
{%- endmacro %}

{# True if a rule matches `text`, where `evidence` is one of `evidences`; of other evidence always. #}
{% macro any_rule(rules, methods, evidences) -%}
    case evidence
        {%- for evidence in evidences %}
        {%- set patterns = [] -%}
        {%- for rule in rules | list + methods | list if rule[1] == evidence -%}
            {%- do patterns.append('(?:' ~ rule[2] ~ ')') -%}
        {%- endfor %}
        when {{ literal(evidence) }}
            then {% if patterns %}regexp_matches(text, {{ literal(patterns | join('|')) }}){% else %}false{% endif %}
        {%- endfor %}
        else true
    end
{%- endmacro %}

{#
Which name rules fit a class, as bits of the columns rules_0, rules_1 …; all of them where the class
is unknown.
#}
{% macro fitting_rules(rules, class) -%}
    {%- set named = [] -%}{%- for rule in rules if rule[1] == 'name' -%}{%- do named.append(rule) -%}{%- endfor -%}
    {%- for batch in named | batch(60) %}
        {%- set words = loop.index0 %}
        0
        {%- for rule in batch %}
            {%- if rule[3] %}
        | case when {{ class }} = '' or regexp_matches({{ class }}, {{ literal(rule[3]) }}) then 1::bigint << {{ loop.index0 }} else 0 end
            {%- else %}
        | 1::bigint << {{ loop.index0 }}
            {%- endif %}
        {%- endfor %} as rules_{{ words }},
    {%- endfor %}
    {{ named | length }} as n_rules
{%- endmacro %}

{#
The families whose rules of a kind (`name` or `class`) match `text`, each once; see family_rules.
Rules about names look at the bits of `fitting_rules` first. A text meets the rules in groups, first
all patterns of a group at once: that is five times as fast as one by one.
#}
{% macro matching_families(rules, kind, text) -%}
    {%- set chosen = rules | selectattr(1, 'equalto', kind) | list -%}
    list_distinct(list_filter(flatten([
        {%- for group in chosen | batch(16) %}
        {%- set first = loop.index0 * 16 %}
        case when regexp_matches({{ text }}, {{ literal('(?:' ~ group | join(')|(?:', attribute=2) ~ ')') }}) then [
            {%- for rule in group %}
            {%- set number = first + loop.index0 %}
            case
                when
                    {%- if kind == 'name' %}
                    rules_{{ number // 60 }} & (1::bigint << {{ number % 60 }}) <> 0 and
                    {%- endif %}
                    regexp_matches({{ text }}, {{ literal(rule[2]) }})
                    then {{ literal(rule[0]) }}
            end{{ ',' if not loop.last }}
            {%- endfor %}
        ] end{{ ',' if not loop.last }}
        {%- else %} []::varchar[] {%- endfor %}
    ]), lambda family: family is not null))
{%- endmacro %}
