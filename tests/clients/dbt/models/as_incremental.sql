{{ config(materialized="incremental") }}
SELECT name, regionkey FROM tpch.tiny.nation
{% if is_incremental() %}WHERE name LIKE 'I%'{% endif %}
