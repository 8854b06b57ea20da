{# A list of texts as SQL: ('a', 'b'). #}
{% macro sql_list(texts) -%}
    ({% for text in texts %}{{ literal(text) }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{#
What the parse of configs is generated from, read from tables that the run has built by then:
`spellings` (field → [{number, json_paths, scale}], number none for the general one), `rules`
(field → rules about absent keys), `defaults` (fields with a class default), `conditions`,
`language_paths`, `tower_keys`; JSON paths of `numbers` (integers) and `switches`, of `general_keys`
and of `own_keys` (read for some types only); `level_shape`, `own_shape` and `root_shape` for
`json_shape`. All are empty where the tables are not built yet (`dbt compile` on an empty file).
#}
{% macro config_parse() %}
    {% set spellings = {} %}
    {% set rules = {} %}
    {% set keys = [] %}
    {% set general_keys = [] %}
    {% set switches = [] %}
    {% for field in var('structural_fields') %}
        {% do spellings.update({field: []}) %}
        {% do rules.update({field: []}) %}
    {% endfor %}
    {% for row in built_rows('intermediate', 'int_config_spellings', "field, spelling, array_to_string(json_paths, ' '), scale") %}
        {% set paths = row[2].split(' ') %}
        {% do spellings[row[0]].append({'number': row[1], 'json_paths': paths, 'scale': row[3] | float}) %}
        {% do keys.extend(paths) %}
        {% if row[1] is none %}{% do general_keys.extend(paths) %}{% endif %}
        {% if row[0] in var('structural_switches') %}{% do switches.extend(paths) %}{% endif %}
    {% endfor %}
    {% for row in built_rows('intermediate', 'int_config_type_fields', 'distinct field, derived_from', 'derived_from is not null') %}
        {% do rules[row[0]].append(row[1]) %}
    {% endfor %}
    {% set defaults = [] %}
    {% for row in built_rows('intermediate', 'int_config_type_fields', 'distinct field', 'default_value is not null') %}
        {% do defaults.append(row[0]) %}
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
    {% set own_shape = {} %}
    {% set own_keys = [] %}
    {% set plain_keys = texts.keys() | list %}
    {% for key in keys %}
        {% set shape = level_shape if key in general_keys else own_shape %}
        {% if key not in general_keys %}{% do own_keys.append(key) %}{% endif %}
        {% do shape.update({key | replace('[]', ''): ['VARCHAR'] if key.endswith('[]') else 'DOUBLE' if key == 'expansion_ratio' else 'JSON'}) %}
        {% if '.' not in key %}{% do plain_keys.append(key | replace('[]', '')) %}{% endif %}
    {% endfor %}
    {% set integers = [] %}
    {% for key in keys if key not in switches and key != 'expansion_ratio' and not key.endswith('[]') %}
        {% do integers.append(key) %}
    {% endfor %}
    {% set root_shape = dict(texts, tie_word_embeddings='JSON') %}
    {% for path in language_paths + tower_keys %}{% do root_shape.update({path: 'JSON'}) %}{% endfor %}
    {{ return({
        'spellings': spellings,
        'rules': rules,
        'defaults': defaults,
        'conditions': conditions,
        'numbers': integers,
        'switches': switches | unique | list,
        'general_keys': general_keys | unique | list,
        'plain_keys': plain_keys | unique | list,
        'language_paths': language_paths,
        'general_language_paths': language_paths[:n_general],
        'tower_keys': tower_keys,
        'own_keys': own_keys,
        'level_shape': level_shape,
        'own_shape': own_shape,
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
    {{ 'len(' ~ place ~ ')' if path.endswith('[]') else place }}
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
                'is_number': entry.key in {{ sql_list(parse['numbers']) }}
                    and (reads_own_keys or entry.key not in {{ sql_list(parse['own_keys']) }}),
                'is_switch': entry.key in {{ sql_list(parse['switches']) }}
                    and (reads_own_keys or entry.key not in {{ sql_list(parse['own_keys']) }})
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

{#
True where something else than a plain number or switch stands at one of `keys`, by the texts of all
of them, one behind the other.
#}
{% macro has_odd_values(keys, parse) -%}
    {%- set numbers = [] -%}
    {%- set switches = [] -%}
    {%- for key in keys -%}
        {%- if key in parse['switches'] -%}{%- do switches.append(key) -%}
        {%- elif key in parse['numbers'] -%}{%- do numbers.append(key) -%}
        {%- endif -%}
    {%- endfor -%}
    not regexp_full_match(
        concat_ws(
            ','
            {%- for key in numbers %}, {{ text_at(key, parse) }}{% endfor -%}
            , ';'
            {%- for key in switches %}, {{ text_at(key, parse) }}{% endfor -%}
        ),
        '(?:[0-9]{1,9},)*;(?:,(?:true|false|[01]))*'
    )
{%- endmacro %}

{# JSON text of a key of the language model's config. #}
{% macro text_at(key, parse) -%}
    {{ at('own' if key in parse['own_keys'] else 'level', key) }}::varchar
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

{# A key of the language model's config as a number that `type` holds, a switch as 0 or 1. #}
{% macro key_value(key, parse, type='bigint') -%}
    {%- if key == 'expansion_ratio' -%} {{ at('level', key) }}
    {%- elif key.endswith('[]') -%} {{ at('own' if key in parse['own_keys'] else 'level', key) }}
    {%- elif key == 'tie_word_embeddings' -%} coalesce(root_tie, {{ switch_value(text_at(key, parse)) }})
    {%- elif key in parse['switches'] -%} {{ switch_value(text_at(key, parse)) }}
    {%- else -%} try_cast({{ text_at(key, parse) }} as {{ type }}){{ '::bigint' if type != 'bigint' }}
    {%- endif -%}
{%- endmacro %}

{% macro switch_value(text) -%}
    case {{ text }} when 'true' then 1 when 'false' then 0 when '1' then 1 when '0' then 0 end
{%- endmacro %}

{# `value` where the table has it, else '', for which the table has a row of nulls. #}
{% macro known_key(value, table, column) -%}
    case when {{ value }} in (select {{ table }}.{{ column }} from {{ table }}) then {{ value }} else '' end
{%- endmacro %}

{% macro only_object(text) -%}
    case when starts_with({{ text }}, '{') then {{ text }} end
{%- endmacro %}
