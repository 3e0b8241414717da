# What the tests let OPA decide: svc may read nation and region, alice part of nation, the group analysts customer and supplier.
package trino

default allow := false

user := input.context.identity.user

groups := input.context.identity.groups

operation := input.action.operation

table := input.action.resource.table

allow if operation in {"ExecuteQuery", "ExecuteFunction", "ShowSchemas", "ShowTables", "FilterCatalogs", "FilterSchemas"}

allow if {
	operation == "AccessCatalog"
	input.action.resource.catalog.name in {"tpch", "system"}
}

allow if {
	operation in {"SelectFromColumns", "FilterTables", "FilterColumns"}
	readable
}

readable if table.schemaName == "information_schema"

readable if {
	user == "svc"
	table.tableName in {"nation", "region"}
}

readable if {
	user == "alice"
	table.tableName == "nation"
}

readable if {
	"analysts" in groups
	table.tableName in {"customer", "supplier"}
}

rowFilters contains {"expression": "regionkey = 2"} if {
	user == "alice"
	table.tableName == "nation"
}

rowFilters contains {"expression": "custkey <= 3"} if {
	user == "alice"
	table.tableName == "customer"
}

# With an identity, which Trino asks about for the columns that the expressions read.
rowFilters contains {"expression": "suppkey <= 3", "identity": "alice"} if {
	"analysts" in groups
	table.tableName == "supplier"
}

batchColumnMasks contains {"index": index, "viewExpression": {"expression": "IF(suppkey > 1, 'hidden', name)", "identity": "alice"}} if {
	"analysts" in groups
	some index, resource in input.action.filterResources
	resource.column.tableName == "supplier"
	resource.column.columnName == "name"
}

batchColumnMasks contains {"index": index, "viewExpression": {"expression": "'hidden'"}} if {
	user == "alice"
	some index, resource in input.action.filterResources
	resource.column.columnName == "comment"
}
