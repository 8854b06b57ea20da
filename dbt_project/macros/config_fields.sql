{# A list of texts as SQL: ('a', 'b'). #}
{% macro sql_list(texts) -%}
    ({% for text in texts %}{{ literal(text) }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{#
What the parse of configs is generated from, read from tables that the run has built by then:
`spellings` (field → [{number, json_paths, scale}], number none for the general one), `rules`
(field → rules about absent keys), `conditions`, `language_paths`, `tower_keys`, `keys` and
`numbers` (JSON paths of all that is read, and of integers), `level_shape` and `root_shape` (for
`json_shape`). All are empty where the tables are not built yet (`dbt compile` on an empty file).
#}
{% macro config_parse() %}
    {% set spellings = {} %}
    {% set rules = {} %}
    {% set keys = [] %}
    {% set switches = [] %}
    {% for field in var('structural_fields') %}
        {% do spellings.update({field: []}) %}
        {% do rules.update({field: []}) %}
    {% endfor %}
    {% for row in built_rows('intermediate', 'int_config_spellings', "field, spelling, array_to_string(json_paths, ' '), scale") %}
        {% set paths = row[2].split(' ') %}
        {% do spellings[row[0]].append({'number': row[1], 'json_paths': paths, 'scale': row[3] | float}) %}
        {% do keys.extend(paths) %}
        {% if row[0] in var('structural_switches') %}{% do switches.extend(paths) %}{% endif %}
    {% endfor %}
    {% for row in built_rows('intermediate', 'int_config_type_fields', 'distinct field, derived_from', 'derived_from is not null') %}
        {% do rules[row[0]].append(row[1]) %}
    {% endfor %}
    {% set conditions = built_rows('rules', 'config_conditions', 'field, step, model_type, when_key, when_value, default_value, value') %}
    {% for condition in conditions %}
        {% do keys.append(condition[3]) %}
        {% if condition[4] != 'null' %}{% do switches.append(condition[3]) %}{% endif %}
        {% if condition[6] and condition[6] not in rules[condition[0]] %}{% do rules[condition[0]].append(condition[6]) %}{% endif %}
    {% endfor %}
    {% set language_paths = [] %}
    {% for row in built_rows('rules', 'config_fields', 'preference, json_path', "field = 'language_config'") %}
        {% do language_paths.append(row[1]) %}
    {% endfor %}
    {% set n_general = language_paths | length %}
    {% for row in built_rows('intermediate', 'int_config_type_levels', 'distinct language_path', 'language_path is not null') if row[0] not in language_paths %}
        {% do language_paths.append(row[0]) %}
    {% endfor %}
    {% set tower_keys = [] %}
    {% for row in built_rows('rules', 'config_fields', 'distinct json_path', "field in ('vision_config', 'audio_config')") %}
        {% do tower_keys.append(row[0]) %}
    {% endfor %}
    {% set keys = keys | unique | sort | list %}
    {% set texts = {'model_type': 'VARCHAR', 'architectures': ['VARCHAR'], 'quantization_config': 'JSON'} %}
    {% set level_shape = dict(texts) %}
    {% set plain_keys = texts.keys() | list %}
    {% for key in keys %}
        {% do level_shape.update({key | replace('[]', ''): ['VARCHAR'] if key.endswith('[]') else 'DOUBLE'}) %}
        {% if '.' not in key %}{% do plain_keys.append(key | replace('[]', '')) %}{% endif %}
    {% endfor %}
    {% set integers = [] %}
    {% for key in keys if key not in switches and key != 'expansion_ratio' and not key.endswith('[]') %}
        {% do integers.append(key) %}
    {% endfor %}
    {% set root_shape = dict(texts, tie_word_embeddings='DOUBLE') %}
    {% for path in language_paths + tower_keys %}{% do root_shape.update({path: 'JSON'}) %}{% endfor %}
    {{ return({
        'spellings': spellings,
        'rules': rules,
        'conditions': conditions,
        'keys': keys,
        'numbers': integers,
        'switches': switches | unique | list,
        'plain_keys': plain_keys | unique | list,
        'language_paths': language_paths,
        'general_language_paths': language_paths[:n_general],
        'tower_keys': tower_keys,
        'level_shape': level_shape,
        'root_shape': root_shape,
    }) }}
{% endmacro %}

{# The `from_json` structure that holds `paths`, a mapping from dotted JSON path to type. #}
{% macro json_shape(paths) %}
    {% set tree = {} %}
    {% for path, type in paths.items() %}
        {% set parts = path.split('.') %}
        {% set place = namespace(node=tree) %}
        {% for part in parts[:-1] %}
            {% if place.node.get(part) is not mapping %}
                {% do place.node.update({part: {}}) %}
            {% endif %}
            {% set place.node = place.node[part] %}
        {% endfor %}
        {% if place.node.get(parts[-1]) is not mapping %}
            {% do place.node.update({parts[-1]: type}) %}
        {% endif %}
    {% endfor %}
    {{ return(tojson(tree)) }}
{% endmacro %}

{#
`struct` and a dotted path as a field access: struct."attn_config"."kv_n_heads"; `[]` at the end stands
for the length of a list.
#}
{% macro at(struct, path) -%}
    {%- set place %}{{ struct }}{% for part in (path | replace('[]', '')).split('.') %}."{{ part }}"{% endfor %}{% endset -%}
    {{ 'len(' ~ place ~ ')::double' if path.endswith('[]') else place }}
{%- endmacro %}

{# The name of the column that holds a key of the language model's config. #}
{% macro key_column(path) -%}
    key_{{ path | replace('.', '__') | replace('[]', '_length') }}
{%- endmacro %}

{#
The entries of the JSON text `object` that the parse reads, the last first, as a list of (json_path,
value, clean, reason): `clean` is what to read, JSON or null; a list of equal numbers and digits in
quotes stand for their number. The rest is set aside for its reason; a null has none.
#}
{% macro config_entries(object, parse) -%}
    list_transform(
        list_transform(
            list_concat(
                list_reverse(list_filter(
                    map_entries(from_json({{ object }}, '"MAP(VARCHAR, JSON)"')),
                    lambda entry: entry.key in {{ sql_list(parse['plain_keys']) }}
                )),
                [
                    {% for path in parse['numbers'] if '.' in path -%}
                        {
                            'key': {{ literal(path) }},
                            'value': nullif({{ object }} -> {{ literal('$.' ~ path) }}, 'null'::json)
                        }{{ ',' if not loop.last }}
                    {% endfor -%}
                ]
            ),
            lambda entry: {
                'key': entry.key,
                'value': entry.value,
                'number': try_cast(entry.value ->> '$' as double),
                'numbers': case when starts_with(entry.value, '[') then try_cast(entry.value as double[]) end,
                'is_number': entry.key in {{ sql_list(parse['numbers']) }},
                'is_switch': entry.key in {{ sql_list(parse['switches']) }}
            }
        ),
        lambda entry: {
            'json_path': entry.key,
            'value': left(entry.value::varchar, 200),
            'clean': case
                when entry.is_switch and entry.value not in ('true', 'false', '0', '1') then null
                when not entry.is_number or entry.value is null then entry.value::varchar
                when
                    list_unique(entry.numbers) = 1
                    and list_count(entry.numbers) = len(entry.numbers)
                    and abs(entry.numbers[1]) < 9e15
                    and entry.numbers[1] % 1 = 0
                    then (entry.numbers[1]::bigint)::varchar
                when regexp_matches(entry.value, '^[tf\[{]') then null
                when abs(entry.number) < 9e15 and entry.number % 1 = 0
                    then (entry.number::bigint)::varchar
            end,
            'reason': case
                when entry.is_switch and entry.value not in ('true', 'false', '0', '1')
                    then 'wrong_type'
                when not entry.is_number or entry.value is null then null
                when starts_with(entry.value, '[') then 'varies_by_layer'
                when regexp_matches(entry.value, '^[tf{]') or entry.number is null then 'wrong_type'
                when not isfinite(entry.number) and not regexp_matches(entry.value, '[0-9]') then 'not_finite'
                -- Beyond what a bigint, or four times one, can hold.
                when not abs(entry.number) < 9e15 then 'impossible_value'
                when entry.number % 1 <> 0 then 'not_an_integer'
            end
        }
    )
{%- endmacro %}

{# Those entries as JSON text, of whose repeated keys the first counts: the last of the file. #}
{% macro clean_object(entries, parse) -%}
    {%- set parents = [] -%}
    {%- for path in parse['numbers'] if '.' in path -%}{%- do parents.append(path.split('.')[0]) -%}{%- endfor -%}
    '{' || concat_ws(
        ',',
        {{ clean_members(entries, "not contains(entry.json_path, '.')", 'entry.json_path') }}
        {%- for parent in parents | unique -%},
        '"{{ parent }}":{' || {{ clean_members(
            entries,
            "starts_with(entry.json_path, '" ~ parent ~ ".')",
            "split_part(entry.json_path, '.', 2)",
        ) }} || '}'
        {%- endfor %}
    ) || '}'
{%- endmacro %}

{% macro clean_members(entries, condition, key) -%}
    nullif(array_to_string(
        list_transform(
            list_filter({{ entries }}, lambda entry: {{ condition }}),
            lambda entry: '"' || {{ key }} || '":' || coalesce(entry.clean, 'null')
        ),
        ','
    ), '')
{%- endmacro %}

{# A rule about an absent key, such as `heads`, `4*d_model` or `d_model/heads`, as SQL. #}
{% macro rule_value(rule) -%}
    {%- if not modules.re.fullmatch('[0-9a-z_]+([*/][0-9a-z_]+)*', rule) -%}
        {{ exceptions.raise_compiler_error("'" ~ rule ~ "' is no rule about an absent key; write numbers and fields with * or / between them") }}
    {%- endif -%}
    floor(
    {%- for token in modules.re.findall('[0-9a-z_]+|[*/]', rule) -%}
        {%- if token in ('*', '/') %} {{ token }} {% elif token.isdigit() -%} {{ token }}.0
        {%- elif token in var('structural_fields') -%} nullif({{ token }}_resolved, 0)
        {%- else -%} {{ exceptions.raise_compiler_error("'" ~ token ~ "' in the rule '" ~ rule ~ "' is no structural field") }}
        {%- endif -%}
    {%- endfor -%}
    )
{%- endmacro %}

{#
Regular expressions for config texts that need a second look: `odd`, something else than a plain
number at a number's key, or an escape; `either`, that or a sub-config that may be the language
model's or a tower's.
#}
{% macro second_looks(parse) -%}
    {%- set names = [] -%}
    {%- for path in parse['language_paths'] + parse['tower_keys'] -%}{%- do names.append(path.split('.')[0]) -%}{%- endfor -%}
    {%- set keys = [] -%}
    {%- for path in parse['numbers'] -%}{%- do keys.append(path.split('.')[-1]) -%}{%- endfor -%}
    {%- set numbers = keys | unique | join('|') -%}
    {%- set switches = parse['switches'] | join('|') -%}
    {%- set subs = names | unique | sort | join('|') -%}
    {%- set odd -%}
        (?:{{ numbers }})"\s*:\s*(?:["tfIi\[{]|[Nn][aA]|-|[0-9]*[.eE]|[0-9]{16})|(?:{{ switches }})"\s*:\s*["NIi\[{0-9-]
    {%- endset -%}
    {%- set nested -%}(?:{{ subs }})"\s*:{%- endset -%}
    {{ return({
        'odd': "'" ~ '"(?:' ~ odd ~ ")|\\x5Cu'",
        'either': "'" ~ '"(?:' ~ odd ~ '|' ~ nested ~ ")|\\x5Cu'",
    }) }}
{%- endmacro %}

{% macro only_object(text) -%}
    case when starts_with({{ text }}, '{') then {{ text }} end
{%- endmacro %}

{# `of(spelling)` for the type's own spelling, else for the general one; see first_key, first_place. #}
{% macro by_spelling(field, spellings, of) -%}
    {%- set general = spellings | selectattr('number', 'none') | list -%}
    {%- set own = spellings | rejectattr('number', 'none') | list -%}
    {%- if not spellings -%} null
    {%- elif not own -%} {{ of(general[0]) }}
    {%- else -%}
        coalesce(
            case types.{{ field }}_spelling
                {% for spelling in own %}
                    when {{ spelling.number }} then {{ of(spelling) }}
                {% endfor %}
            end,
            {{ of(general[0]) }}
        )
    {%- endif -%}
{%- endmacro %}

{# The first key of a spelling that holds a number. #}
{% macro first_key(spelling) -%}
    {%- set keys = [] -%}
    {%- for path in spelling.json_paths -%}
        {%- do keys.append(key_column(path) ~ (' * ' ~ spelling.scale if spelling.scale != 1 else '')) -%}
    {%- endfor -%}
    {{ keys[0] if keys | length == 1 else 'coalesce(' ~ keys | join(', ') ~ ')' }}
{%- endmacro %}

{# Its place in the spelling, from 1 in the type's own and from 101 in the general one. #}
{% macro first_place(spelling) -%}
    case {% for path in spelling.json_paths %}when {{ key_column(path) }} is not null then {{ loop.index + (100 if spelling.number is none else 0) }} {% endfor %}end
{%- endmacro %}

{# Null where nothing speaks on the field, '' where a key counts as it is, else a rule's text. #}
{% macro condition_value(field, conditions) -%}
    {%- set own = [] -%}
    {%- for row in conditions if row[0] == field and row[4] != 'null' -%}{%- do own.append(row) -%}{%- endfor -%}
    {%- if not own -%} null::varchar
    {%- else -%}
        case
            {% for row in own %}
                when
                    keyed.schema_type = {{ literal(row[2]) }}
                    and coalesce({{ key_column(row[3]) }}, case when is_verbatim then {{ row[5] }} end) = {{ row[4] }}
                    then {{ literal(row[6] or '') }}
            {% endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{% macro is_null_key(field, parse) -%}
    {%- set paths = [] -%}
    {%- for spelling in parse['spellings'][field] -%}{%- do paths.extend(spelling.json_paths) -%}{%- endfor -%}
    coalesce(list_has_any(null_paths, [{% for path in paths | unique %}{{ literal(path) }}{{ ', ' if not loop.last }}{% endfor %}]), false)
{%- endmacro %}

{% macro rule_cases(column, rules) -%}
    {%- if not rules -%} null::double
    {%- else -%}
        case {{ column }}
            {% for rule in rules %}
                when {{ literal(rule) }} then {{ rule_value(rule) }}
            {% endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{# Stated, else by the type's rule, else the class's default; both only where absent means absent. #}
{% macro resolved_value(field, parse) -%}
    case
        {% if parse['rules'][field] %}
            when {{ field }}_condition <> '' then {{ rule_cases(field ~ '_condition', parse['rules'][field]) }}
        {% endif %}
        when {{ field }}_stated is not null then {{ field }}_stated
        {% if parse['rules'][field] %}
            when
                {{ field }}_rule is not null
                and ({{ field }}_is_invariant or is_verbatim or {{ is_null_key(field, parse) }})
                then {{ rule_cases(field ~ '_rule', parse['rules'][field]) }}
        {% endif %}
        when is_verbatim and {{ field }}_default is not null and not {{ is_null_key(field, parse) }}
            then {{ field }}_default
        {% for row in parse['conditions'] if row[0] == field and row[4] == 'null' %}
            when list_contains(null_paths, {{ literal(row[3]) }}) then {{ rule_value(row[6]) }}
        {% endfor %}
    end
{%- endmacro %}

{% macro resolved_place(field, parse) -%}
    case
        when {{ field }}_resolved is null then null
        {% if parse['rules'][field] %}when {{ field }}_condition <> '' then 201{% endif %}
        when {{ field }}_stated is not null then {{ field }}_place
        {% if parse['rules'][field] %}when {{ field }}_rule is not null then 201{% endif %}
        when is_verbatim and {{ field }}_default is not null and not {{ is_null_key(field, parse) }} then 200
        else 201
    end
{%- endmacro %}

{# A term of a parameter formula, such as `layers*d_model*d_ffn`, as SQL. #}
{% macro product(term) -%}
    {%- set names = var('structural_fields') + ['untied', 'sparse_layers'] -%}
    {%- for name in term.split('*') -%}
        {%- if name not in names and not name.isdigit() -%}
            {{ exceptions.raise_compiler_error("'" ~ name ~ "' in the term '" ~ term ~ "' is no structural field") }}
        {%- endif -%}
        {{ name if name.isdigit() else "inputs." ~ name }}{{ ' * ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
