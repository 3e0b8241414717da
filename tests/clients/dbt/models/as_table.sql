{{ config(materialized="table") }}
SELECT name, regionkey FROM tpch.tiny.nation
