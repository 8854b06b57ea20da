{{ config(materialized='incremental', incremental_strategy='append') }}

-- noqa: disable=all
-- Generated from tables that the linter's empty warehouse does not have.
-- depends_on: {{ ref('int_config_spellings') }}
-- depends_on: {{ ref('config_fields') }}
-- depends_on: {{ ref('config_conditions') }}
{% set parse = config_parse() %}
{% set fields = var('structural_fields') %}

-- What is known of types and classes, and a row for the rest: a join in which every config finds one
-- row keeps DuckDB's vectors whole, an outer join splits them.
with known_types as (

    select * from {{ ref('int_config_types') }}
    union all by name
    select '' as model_type

),

known_architectures as (

    select * from {{ ref('int_config_architectures') }}
    union all by name
    select '' as architecture

),

source as (

    select
        {{ record_id() }} as record_id,
        {{ landed_batch() }} as landed_batch,
        model_id,
        coalesce(source, 'unknown') as source,
        fetched_at,
        coalesce(completeness, 'partial') as completeness,
        completeness is not distinct from 'verbatim' as is_verbatim,
        -- A byte-order mark is no part of the text.
        case
            when starts_with(config, chr(65279)) then ltrim(config, chr(65279))
            else config
        end as text,
        config is null and raw is not null as is_undecodable,
        -- What a crawl writes down where there is no file.
        case
            when config is not null or raw is not null or status is null then null
            when status in ('gated', 'missing', 'renamed', 'too_large') then 'config_' || status
            else 'config_error'
        end as outcome,
        coalesce(error_code, http_status::varchar, status) as outcome_code
    from {{ landed('hub_configs') }}

),

checked as (

    select
        *,
        coalesce(json_valid(text), false) as is_json,
        is_json and case
            when starts_with(text, '{') then true
            else starts_with(ltrim(text, ' ' || chr(9) || chr(10) || chr(13)), '{')
        end as is_object,
        -- Sub-configs, and be it for quantisation or positions.
        is_object and text like {{ "'%{%{%'" }} as may_be_nested
    from source

),

outlined as (

    select
        *,
        from_json(case when may_be_nested then text end, '{{ json_shape(parse['root_shape']) }}')
            as root
    from checked

),

outlined_by_type as (

    select
        *,
        {{ known_key('outlined.root.model_type', 'known_types', 'model_type') }} as root_key
    from outlined

),

-- The language model's own level: a multimodal model's structure is never its vision tower's.
levelled as (

    select
        outlined.* exclude (root, root_key),
        outlined.root.model_type as root_type,
        outlined.root.architectures as root_architectures,
        outlined.root.quantization_config as root_quantization,
        -- The one field that counts at the root of a nested config.
        {{ switch_value('outlined.root.tie_word_embeddings::varchar') }} as outer_tie,
        root_types.language_type as default_language_type,
        case
            {% for path in parse['language_paths'] %}
                when root_types.language_path = {{ literal(path) }}
                    then {{ only_object(at('outlined.root', path)) }}
            {% endfor %}
            when may_be_nested and outlined.root_key = ''
                then coalesce(
                    {% for path in parse['general_language_paths'] %}
                        {{ only_object(at('outlined.root', path)) }},
                    {% endfor %}
                    null
                )
        end as language_text,
        case when coalesce(
            {% for key in parse['tower_keys'] %}outlined.root."{{ key }}"{{ ', ' if not loop.last }}{% endfor %}
        ) is not null then list_filter(
            [
                {% for key in parse['tower_keys'] %}
                    case when outlined.root."{{ key }}" is not null then '{{ key }}' end{{ ',' if not loop.last }}
                {% endfor %}
            ],
            lambda key: key is not null
        ) end as tower_keys
    from outlined_by_type as outlined
    inner join known_types as root_types on outlined.root_key = root_types.model_type

),

sifted as (

    select
        *,
        language_text is not null as is_nested,
        -- Not coalesce, which copies the texts.
        case when language_text is not null then language_text when is_object then text end
            as level_text
    from levelled

),

parsed as (

    select
        *,
        from_json(level_text, '{{ json_shape(parse['level_shape']) }}') as level,
        case when is_nested then outer_tie end as root_tie
    from sifted

),

-- What needs no type is read before the joins, while DuckDB's vectors are flat.
general as (

    select
        *,
        -- Numbers in quotes, lists, fractions, ten digits and more are looked at one by one.
        {{ has_odd_values(parse['general_keys'], parse) }} as has_odd_level,
        {% for field in fields %}
            {{ general_code(field, parse, 'integer') }} as {{ field }}_general{{ ',' if not loop.last }}
        {% endfor %}
    from parsed

),

named as (

    select
        general.*,
        nullif(case when is_nested then root_type else general.level.model_type end, 'unknown')
            as model_type,
        coalesce(
            case when is_nested then root_architectures[1] end, general.level.architectures[1]
        ) as architecture,
        case when is_nested then root_quantization else general.level.quantization_config end
            as quantization,
        nullif(general.level.model_type, 'unknown') as level_type,
        {{ known_key("case when level_type is null then architecture end", 'known_architectures', 'architecture') }}
            as architecture_key
    from general

),

keyed as (

    select
        named.record_id,
        named.landed_batch,
        named.model_id,
        named.source,
        named.fetched_at,
        named.completeness,
        named.is_verbatim,
        named.is_json,
        named.is_object,
        named.is_undecodable,
        named.outcome,
        left(
            case
                when named.outcome is not null then named.outcome_code
                when named.is_object then named.model_id
                else named.text
            end,
            200
        ) as rejected_value,
        named.architecture,
        named.model_type,
        named.is_nested or named.level_type is null as is_language_level,
        coalesce(
            named.level_type,
            case when named.is_nested then named.default_language_type else architectures.model_type end
        ) as schema_type,
        {{ known_key('schema_type', 'known_types', 'model_type') }} as schema_key,
        case
            when named.tower_keys is not null or named.quantization is not null
                then list_concat(
                    coalesce(named.tower_keys, []),
                    case when named.quantization is not null then ['quantization_config'] else [] end
                )
        end as config_keys,
        named.quantization ->> '$.quant_method' as quantization_method,
        named.level_text,
        named.level,
        named.root_tie,
        named.has_odd_level,
        {% for field in fields %}
            named.{{ field }}_general{{ ',' if not loop.last }}
        {% endfor %}
    from named
    inner join known_architectures as architectures
        on named.architecture_key = architectures.architecture

),

typed as (

    select
        keyed.*,
        -- Where a sub-config is left out as a whole, the outer class decides what is in it: its
        -- type is the schema's, the language model's type is that of the sub-config.
        case
            when keyed.is_language_level then keyed.schema_type
            else coalesce(types.language_type, keyed.schema_type)
        end as language_model_type,
        coalesce(types.reads_own_keys, false) as reads_own_keys,
        {% for field in fields %}
            types.{{ field }}_spelling,
            types.{{ field }}_default,
            types.{{ field }}_rule,
            types.{{ field }}_is_invariant{{ ',' if not loop.last }}
        {% endfor %}
    from keyed
    inner join known_types as types on keyed.schema_key = types.model_type

),

-- Keys that only some types read.
owned as (

    select
        *,
        case
            when reads_own_keys then from_json(level_text, '{{ json_shape(parse['own_shape']) }}')
        end as own
    from typed

),

judged as (

    select
        *,
        has_odd_level or {{ has_odd_values(parse['own_keys'], parse) }} as is_odd
    from owned

),

listed as (

    select
        *,
        case when is_odd then {{ config_entries('level_text', parse) }} end as entries
    from judged

),

cleaned as (

    select
        *,
        case when is_odd then {{ clean_object('entries', parse) }} end as clean_text
    from listed

),

reread as (

    select
        * replace (
            case
                when is_odd then from_json(clean_text, '{{ json_shape(parse['level_shape']) }}')
                else level
            end as level,
            case
                when is_odd and reads_own_keys
                    then from_json(clean_text, '{{ json_shape(parse['own_shape']) }}')
                else own
            end as own
        )
    from cleaned

),

generalised as (

    select
        * replace (
            {% for field in fields %}
                case when is_odd then {{ general_code(field, parse) }} else {{ field }}_general end
                    as {{ field }}_general{{ ',' if not loop.last }}
            {% endfor %}
        )
    from reread

),

stated as (

    select
        *,
        {% for field in fields %}
            {{ stated_code(field, parse) }} as {{ field }}_stated,
            {{ condition_value(field, parse) }} as {{ field }}_condition{{ ',' if not loop.last }}
        {% endfor %}
    from generalised

),

resolved as (

    select
        record_id,
        landed_batch,
        model_id,
        source,
        fetched_at,
        completeness,
        architecture,
        model_type,
        language_model_type,
        schema_type,
        config_keys,
        quantization_method,
        {% for field in fields %}
            {{ resolved_code(field, parse) }} as {{ field }}_code,
        {% endfor %}
        case when is_odd then list_filter(
            entries, lambda entry: entry.clean is null and entry.reason is not null
        ) end as every_odd_value,
        case when is_odd then list_transform(every_odd_value, lambda entry: entry.json_path) end as odd_paths,
        -- Of a repeated key with an odd value the last speaks, as in Python.
        case when is_odd then list_transform(
            list_sort(list_distinct(odd_paths)),
            lambda path: every_odd_value[list_position(odd_paths, path)]
        ) end as odd_values,
        case
            when outcome is not null then outcome
            when is_undecodable then 'invalid_utf8'
            when not is_json then 'invalid_json'
            when not is_object then 'not_an_object'
            when not {{ is_model_id('model_id') }} then 'invalid_model_id'
        end as rejection_reason,
        rejected_value
    from stated

)

select
    * exclude (
        every_odd_value, odd_paths, {% for field in fields %}{{ field }}_code{{ ', ' if not loop.last }}{% endfor %}
    ),
    {% for field in fields %}
        {% if field != 'expansion_ratio' %}
            {{ field }}_code >> 8 as {{ field }},
            ({{ field }}_code & 255)::utinyint as {{ field }}_found,
        {% endif %}
    {% endfor %}
from resolved
