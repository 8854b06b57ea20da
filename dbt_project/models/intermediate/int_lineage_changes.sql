{{ config(tags=['work', 'changes']) }}

-- Models whose base models or roots are other ones than in the last build, be it by a record of
-- another model. Nothing where all models are built anew.
-- depends_on: {{ ref('int_changed_keys') }}
{% if changes_only() %}
    select coalesce(lineages.model_id, families.model_id) as model_id
    from {{ ref('int_model_lineages') }} as lineages
    full join intermediate.int_model_families as families using (model_id)
    where
        lineages.base_relation is distinct from families.base_relation
        or coalesce(lineages.base_models, []) is distinct from families.base_models
        or coalesce(lineages.root_models, []) is distinct from families.root_models
    {{ left_over('model_id') }}
{% else %}
    select model_id from {{ ref('int_model_lineages') }}
    where false
{% endif %}
