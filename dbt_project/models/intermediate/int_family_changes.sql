{{ config(tags=['work', 'changes']) }}

-- Models whose family or base models are other ones than in the last build's table of models, be it
-- by a record of another model. Nothing where all models are built anew.
-- depends_on: {{ ref('int_changed_keys') }}
{% set columns = [
    'base_model', 'base_models', 'base_relation', 'root_model', 'family', 'family_source'
] %}
select families.model_id
from {{ ref('int_model_families') }} as families
{% if changes_only() %}
    left join marts.models as models using (model_id)
    where
        {% for column in columns %}
            {{ 'or' if not loop.first }}
            families.{{ column }} is distinct from models.{{ column }}
        {% endfor %}
    {{ left_over('model_id') }}
{% else %}
    where false
{% endif %}
