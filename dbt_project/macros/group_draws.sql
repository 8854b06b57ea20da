{#
Draws of whole groups with replacement, as weights: `{{ group }}`, its `place` among them, `draw` and how
often the group is in the draw; in draw 0 each group is once. The weights are Poisson with mean 1, as a
bootstrap's are to within the total, and follow from the group's name: the same group weighs the same in
every table, so that statistics of one draw may be compared.
#}
{% macro group_draws(relation, group) %}
    select
        {{ group }},
        place,
        draw,
        -- Poisson's cumulative probabilities at 0, 1, 2, …
        case
            when draw = 0 then 1
            when part < 0.36787944 then 0
            when part < 0.73575888 then 1
            when part < 0.91969860 then 2
            when part < 0.98101184 then 3
            when part < 0.99634015 then 4
            when part < 0.99940582 then 5
            when part < 0.99991676 then 6
            else 7
        end::double as weight
    from (
        select
            groups.*,
            draws.draw,
            -- The upper half of the hash, between 0 and 1.
            (md5_number(groups.{{ group }} || ' ' || draws.draw) >> 64)::double / 18446744073709551616.0
                as part
        from (
            select
                {{ group }},
                row_number() over (order by {{ group }}) as place
            from (select distinct {{ group }} from {{ relation }})
        ) as groups
        cross join range({{ var('claim_draws') }} + 1) as draws (draw)
    ) as parts
{% endmacro %}
