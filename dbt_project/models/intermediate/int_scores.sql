with v1 as (

    unpivot (
        select
            evaluation_id,
            arc_challenge,
            hellaswag,
            mmlu,
            truthfulqa,
            winogrande,
            gsm8k
        from {{ ref('stg_landing__open_llm_leaderboard_v1') }}
        where rejection_reason is null
    ) on columns(* exclude (evaluation_id)) into name benchmark value score

),

v2 as (

    unpivot (
        select
            evaluation_id,
            ifeval,
            bbh,
            math_lvl_5,
            gpqa,
            musr,
            mmlu_pro
        from {{ ref('stg_landing__open_llm_leaderboard_v2') }}
        where rejection_reason is null
    ) on columns(* exclude (evaluation_id)) into name benchmark value score

),

v2_raw as (

    unpivot (
        select
            evaluation_id,
            ifeval_raw as ifeval,
            bbh_raw as bbh,
            math_lvl_5_raw as math_lvl_5,
            gpqa_raw as gpqa,
            musr_raw as musr,
            mmlu_pro_raw as mmlu_pro
        from {{ ref('stg_landing__open_llm_leaderboard_v2') }}
        where rejection_reason is null
    ) on columns(* exclude (evaluation_id)) into name benchmark value raw_score

),

bigcodebench as (

    unpivot (
        select
            evaluation_id,
            case when split = 'full' then complete end as bigcodebench_complete,
            case when split = 'full' then instruct end as bigcodebench_instruct,
            case when split = 'hard' then complete end as bigcodebench_hard_complete,
            case when split = 'hard' then instruct end as bigcodebench_hard_instruct
        from {{ ref('stg_landing__bigcodebench') }}
        where rejection_reason is null
    ) on columns(* exclude (evaluation_id)) into name benchmark value score

),

final as (

    select
        'open_llm_v1' as leaderboard,
        *
    from v1
    union all by name
    select
        'open_llm_v2' as leaderboard,
        v2.*,
        v2_raw.raw_score
    from v2
    left join v2_raw using (evaluation_id, benchmark)
    union all by name
    select
        'bigcodebench' as leaderboard,
        *
    from bigcodebench

)

select
    *,
    case
        when not score between 0 and 100 or not raw_score between 0 and 100
            then 'score_out_of_range'
    end as rejection_reason
from final
