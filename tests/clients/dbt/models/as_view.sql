{{ config(materialized="view") }}
SELECT name, regionkey FROM tpch.tiny.nation
