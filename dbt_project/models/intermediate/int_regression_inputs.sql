-- What the regressors read, as one hash: a result filed under another hash is stale.
select
    structure_tier as tier,
    md5(
        string_agg(
            md5(
                row(
                    model_id, structure_group, size, date, layers, d_model, d_ffn, heads,
                    {% for benchmark in var('open_llm_v1_benchmarks') %}
                        {{ benchmark }}{{ ',' if not loop.last }}
                    {% endfor %}
                )::varchar
            ),
            '' order by model_id
        )
    ) as input_hash,
    count(*) as n_models
from {{ ref('structure_performance') }}
group by structure_tier
