{#
An end of the 95 % interval of Spearman's rank correlation by Fisher's z, whose variance for ranks is
1.06 / (n - 3) (Fieller, Hartley and Pearson, 1957, Biometrika 44, 470-481; for |rho| up to about
0.8). `side` is - or +. Null where n is 3 or fewer and where |rho| is 1.
#}
{% macro spearman_interval(rho, n, side) -%}
    case
        when {{ n }} > 3 and abs({{ rho }}) < 1
            then round(tanh(atanh({{ rho }}) {{ side }} 1.959964 * sqrt(1.06 / ({{ n }} - 3))), 6)
    end
{%- endmacro %}
