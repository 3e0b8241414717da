# What OPA decides in the benchmark, in the cheapest way: service accounts may be anybody.
package trino

default allow := false

allow if {
	input.action.operation == "ImpersonateUser"
	startswith(input.context.identity.user, "svc_")
}
