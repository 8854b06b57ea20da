{#
A field's value and how it was found travel as one integer, 256 times the value and the place, so
that every choice is made once. Places: 1 and up, the key's position in the type's own spelling;
101 and up, in the general one; 200, the class default; 201, derived. Beyond 9e15 nothing is a value.
`expansion_ratio`, a fraction for some types, is a double and not coded.
#}
{% macro coded(value, place) -%}
    try_cast(try_cast({{ value }} as hugeint) * 256 + {{ place }} as bigint)
{%- endmacro %}

{% macro coded_value(field) -%}
    {{ 'expansion_ratio_code' if field == 'expansion_ratio' else '(' ~ field ~ '_code >> 8)' }}
{%- endmacro %}

{# The code of the first key that holds a number, of the general spelling. #}
{% macro general_code(field, parse, type='bigint') -%}
    {%- set general = parse['spellings'][field] | selectattr('number', 'none') | list -%}
    {{ first_code(field, general[0], parse, type) if general else 'null::bigint' }}
{%- endmacro %}

{# The same of the type's own spelling, else of the general one. #}
{% macro stated_code(field, parse) -%}
    {%- set own = parse['spellings'][field] | rejectattr('number', 'none') | list -%}
    {%- if not own -%} {{ field }}_general
    {%- else -%}
        case
            when {{ field }}_spelling is null then {{ field }}_general
            else coalesce(
                case {{ field }}_spelling
                    {% for spelling in own %}
                        when {{ spelling.number }} then {{ first_code(field, spelling, parse) }}
                    {% endfor %}
                end,
                {{ field }}_general
            )
        end
    {%- endif -%}
{%- endmacro %}

{% macro first_code(field, spelling, parse, type='bigint') -%}
    {%- set codes = [] -%}
    {%- for path in spelling.json_paths -%}
        {%- set number = key_value(path, parse, type) if spelling.scale == 1 else 'floor(' ~ key_value(path, parse, type) ~ ' * ' ~ spelling.scale ~ ')::bigint' -%}
        {%- do codes.append(number if field == 'expansion_ratio' else number ~ ' * 256 + ' ~ (loop.index + (100 if spelling.number is none else 0))) -%}
    {%- endfor -%}
    {{ codes[0] if codes | length == 1 else 'coalesce(' ~ codes | join(', ') ~ ')' }}
{%- endmacro %}

{# Null where nothing speaks on the field, '' where a key counts as it is, else a rule's text. #}
{% macro condition_value(field, parse) -%}
    {%- set own = [] -%}
    {%- for row in parse['conditions'] if row[0] == field and row[4] != 'null' -%}{%- do own.append(row) -%}{%- endfor -%}
    {%- if not own -%} null::varchar
    {%- else -%}
        case
            {% for row in own %}
                when
                    schema_type = {{ literal(row[2]) }}
                    and coalesce({{ key_value(row[3], parse) }}, case when is_verbatim then {{ row[5] }} end) = {{ row[4] }}
                    then {{ literal(row[6] or '') }}
            {% endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{#
True where a key of the field is there without a number (the field is not stated): with null if
`is_null`, else with whatever it is. Looking for a key's letters first is far cheaper.
#}
{% macro holds_no_number(field, parse, is_null) -%}
    {%- set general = [] -%}
    {%- set own = [] -%}
    {%- for spelling in parse['spellings'][field] -%}
        {%- for path in spelling.json_paths -%}{%- do (own if path in parse['own_keys'] else general).append(path) -%}{%- endfor -%}
    {%- endfor -%}
    {%- if field in var('structural_switches') or not general -%} false
    {%- elif not own -%} {{ any_held(general | unique, is_null) }}
    {%- else -%} ({{ any_held(general | unique, is_null) }} or reads_own_keys and {{ any_held(own | unique, is_null) }})
    {%- endif -%}
{%- endmacro %}

{% macro any_held(paths, is_null) -%}
    {%- set names = [] -%}
    {%- set types = [] -%}
    {%- for path in paths -%}
        {%- do names.append((path | replace('[]', '')).split('.')[-1]) -%}
        {%- do types.append(literal('$.' ~ path | replace('[]', ''))) -%}
    {%- endfor -%}
    case
        when regexp_matches(level_text, '"(?:{{ names | unique | join('|') }})"\s*:{{ '\s*null' if is_null }}')
            then {{ 'list_contains' if is_null else 'list_count' }}(json_type(level_text, [{{ types | join(', ') }}]){{ ", 'NULL')" if is_null else ') > 0' }}
        else false
    end
{%- endmacro %}

{% macro rule_cases(column, rules) -%}
    case {{ column }}
        {% for rule in rules %}
            when {{ literal(rule) }} then {{ coded(rule_value(rule), 201) }}
        {% endfor %}
    end
{%- endmacro %}

{# Stated, else by the type's rule, else the class's default; both only where absent means absent. #}
{% macro resolved_code(field, parse) -%}
    case
        {% if parse['rules'][field] %}
            when {{ field }}_condition <> '' then {{ rule_cases(field ~ '_condition', parse['rules'][field]) }}
        {% endif %}
        when {{ field }}_stated is not null then {{ field }}_stated
        {% if parse['rules'][field] %}
            when
                {{ field }}_rule is not null
                and (
                    {{ field }}_is_invariant
                    or is_verbatim and (not is_odd or not {{ holds_no_number(field, parse, false) }})
                    or {{ holds_no_number(field, parse, true) }}
                )
                then {{ rule_cases(field ~ '_rule', parse['rules'][field]) }}
        {% endif %}
        {% if field in parse['defaults'] %}
            when
                {{ field }}_default is not null and is_verbatim
                and not {{ holds_no_number(field, parse, false) }}
                then {{ field ~ '_default' if field == 'expansion_ratio' else coded(field ~ '_default', 200) }}
        {% endif %}
        {% for row in parse['conditions'] if row[0] == field and row[4] == 'null' %}
            when {{ any_held([row[3]], true) }} then {{ coded(rule_value(row[6]), 201) }}
        {% endfor %}
    end
{%- endmacro %}

{# A rule about an absent key, such as `heads`, `4*d_model` or `d_model/heads`, as SQL. #}
{% macro rule_value(rule) -%}
    {%- if not modules.re.fullmatch('[0-9a-z_]+([*/][0-9a-z_]+)*', rule) -%}
        {{ exceptions.raise_compiler_error("'" ~ rule ~ "' is no rule about an absent key; write numbers and fields with * or / between them") }}
    {%- endif -%}
    floor(
    {%- for token in modules.re.findall('[0-9a-z_]+|[*/]', rule) -%}
        {%- if token in ('*', '/') %} {{ token }} {% elif token.isdigit() -%} {{ token }}.0
        {%- elif token in var('structural_fields') -%} nullif({{ coded_value(token) }}, 0)
        {%- else -%} {{ exceptions.raise_compiler_error("'" ~ token ~ "' in the rule '" ~ rule ~ "' is no structural field") }}
        {%- endif -%}
    {%- endfor -%}
    )
{%- endmacro %}
