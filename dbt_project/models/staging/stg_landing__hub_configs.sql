-- noqa: disable=all
-- Generated from tables that the linter's empty warehouse does not have.
-- depends_on: {{ ref('int_config_spellings') }}
-- depends_on: {{ ref('config_fields') }}
-- depends_on: {{ ref('config_conditions') }}
{% set parse = config_parse() %}
{% set fields = var('structural_fields') %}
{% set looks = second_looks(parse) %}

with source as (

    select
        {{ record_id() }} as record_id,
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
        config is null and raw is not null as is_undecodable
    from {{ source('landing', 'hub_configs') }}

),

checked as (

    select
        *,
        coalesce(json_valid(text), false) as is_json,
        is_json and starts_with(ltrim(text, ' ' || chr(9) || chr(10) || chr(13)), '{') as is_object,
        -- Numbers in quotes, lists, fractions and the like are looked at one by one, and so are
        -- keys that are written with escapes.
        is_object and regexp_matches(text, {{ looks['either'] }}) as may_be_nested,
        case when may_be_nested then regexp_matches(text, {{ looks['odd'] }}) end as is_odd
    from source

),

outlined as (

    select
        *,
        from_json(case when may_be_nested then text end, '{{ json_shape(parse['root_shape']) }}')
            as root
    from checked

),

-- The language model's own level: a multimodal model's structure is never its vision tower's.
levelled as (

    select
        outlined.* exclude (root),
        outlined.root.model_type as root_type,
        outlined.root.architectures as root_architectures,
        outlined.root.quantization_config as root_quantization,
        case
            when outlined.root.tie_word_embeddings in (0, 1)
                then outlined.root.tie_word_embeddings
        end as root_tie,
        root_types.language_type as default_language_type,
        case
            {% for path in parse['language_paths'] %}
                when root_types.language_path = {{ literal(path) }}
                    then {{ only_object(at('outlined.root', path)) }}
            {% endfor %}
            when may_be_nested and root_types.model_type is null
                then coalesce(
                    {% for path in parse['general_language_paths'] %}
                        {{ only_object(at('outlined.root', path)) }},
                    {% endfor %}
                    null
                )
        end as language_text,
        case when may_be_nested then list_filter(
            [
                {% for key in parse['tower_keys'] %}
                    case when outlined.root."{{ key }}" is not null then '{{ key }}' end{{ ',' if not loop.last }}
                {% endfor %}
            ],
            lambda key: key is not null
        ) end as tower_keys
    from outlined
    left join {{ ref('int_config_types') }} as root_types
        on outlined.root.model_type = root_types.model_type

),

sifted as (

    select
        *,
        language_text is not null as is_nested,
        case when is_object then coalesce(language_text, text) end as level_text,
        case when is_odd then {{ config_entries('level_text', parse) }} end as entries
    from levelled

),

parsed as (

    select
        *,
        from_json(
            case when is_odd then {{ clean_object('entries', parse) }} else level_text end,
            '{{ json_shape(parse['level_shape']) }}'
        ) as level
    from sifted

),

named as (

    select
        parsed.*,
        nullif(case when is_nested then root_type else level.model_type end, 'unknown')
            as model_type,
        coalesce(
            case when is_nested then root_architectures[1] end, level.architectures[1]
        ) as architecture,
        case when is_nested then root_quantization else level.quantization_config end
            as quantization,
        nullif(level.model_type, 'unknown') as level_type
    from parsed

),

keyed as (

    select
        named.record_id,
        named.model_id,
        named.source,
        named.fetched_at,
        named.completeness,
        named.is_verbatim,
        named.is_json,
        named.is_object,
        named.is_undecodable,
        left(case when named.is_object then named.model_id else named.text end, 200)
            as rejected_value,
        named.architecture,
        named.model_type,
        case
            when named.is_nested then coalesce(named.level_type, named.default_language_type)
            else coalesce(flat_types.language_type, named.level_type, architectures.model_type)
        end as language_model_type,
        -- Where a sub-config is left out as a whole, the outer class decides what is in it.
        case
            when not named.is_nested and flat_types.language_path is not null
                then named.level_type
            else language_model_type
        end as schema_type,
        case
            when named.tower_keys <> [] or named.quantization is not null
                then list_concat(
                    coalesce(named.tower_keys, []),
                    case when named.quantization is not null then ['quantization_config'] else [] end
                )
        end as config_keys,
        named.quantization ->> '$.quant_method' as quantization_method,
        named.level_text,
        named.entries,
        {% for key in parse['keys'] %}
            {% if key == 'tie_word_embeddings' %}
                -- The one field that counts at the root of a nested config.
                coalesce(case when named.is_nested then named.root_tie end, named.level."{{ key }}")
            {% else %}
                {{ at('named.level', key) }}
            {% endif %} as {{ key_column(key) }}{{ ',' if not loop.last }}
        {% endfor %}
    from named
    left join {{ ref('int_config_types') }} as flat_types on named.level_type = flat_types.model_type
    left join {{ ref('int_config_architectures') }} as architectures
        on case when named.level_type is null then named.architecture end = architectures.architecture

),

stated as (

    select
        keyed.* exclude ({% for key in parse['keys'] %}{{ key_column(key) }}{{ ', ' if not loop.last }}{% endfor %}),
        {% for field in fields %}
            {{ by_spelling(field, parse['spellings'][field], first_key) }} as {{ field }}_stated,
            {{ by_spelling(field, parse['spellings'][field], first_place) }} as {{ field }}_place,
            {{ condition_value(field, parse['conditions']) }} as {{ field }}_condition,
            types.{{ field }}_default,
            types.{{ field }}_rule,
            coalesce(types.{{ field }}_is_invariant, false) as {{ field }}_is_invariant{{ ',' if not loop.last }}
        {% endfor %}
    from keyed
    left join {{ ref('int_config_types') }} as types on keyed.schema_type = types.model_type

),

with_nulls as (

    select
        *,
        -- Keys that are there and null take no class default.
        case
            when
                {% for field in fields if field not in var('structural_switches') %}
                    {{ field }}_stated is null and (
                        is_verbatim and {{ field }}_default is not null
                        or not is_verbatim and {{ field }}_rule is not null
                        and not {{ field }}_is_invariant
                    ) or
                {% endfor %}
                not is_verbatim and d_ffn_stated is null
                then list_transform(
                    list_filter(
                        map_entries(from_json(level_text, '"MAP(VARCHAR, JSON)"')),
                        lambda entry: entry.value is null
                    ),
                    lambda entry: entry.key
                )
        end as null_paths
    from stated

),

resolved as (

    select
        record_id,
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
            {{ resolved_value(field, parse) }} as {{ field }}_resolved,
            try_cast({{ field }}_resolved as bigint) as {{ field }},
            -- The place of the key that states it (first_place), 200: class default, 201: derived.
            {{ resolved_place(field, parse) }}::utinyint as {{ field }}_found,
        {% endfor %}
        list_filter(entries, lambda entry: entry.clean is null and entry.reason is not null)
            as every_odd_value,
        list_transform(every_odd_value, lambda entry: entry.json_path) as odd_paths,
        -- A key may be repeated; its last value speaks.
        list_transform(
            list_sort(list_distinct(odd_paths)),
            lambda path: every_odd_value[list_position(odd_paths, path)]
        ) as odd_values,
        case
            when is_undecodable then 'invalid_utf8'
            when not is_json then 'invalid_json'
            when not is_object then 'not_an_object'
            when not {{ is_model_id('model_id') }} then 'invalid_model_id'
        end as rejection_reason,
        rejected_value
    from with_nulls

)

select * exclude (every_odd_value, odd_paths, {% for field in fields %}{{ field }}_resolved{{ ', ' if not loop.last }}{% endfor %}) from resolved
