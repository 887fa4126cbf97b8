// Package account stands up an AWS account on this machine for tests, out of
// nothing but CloudFormation templates: it reads what will be deployed, and not
// what a test wishes for.
//
//	a := account.Deploy(t, account.Deployment{
//		Stacks:     []account.Stack{{Name: "tv", Region: "us-east-1", Template: text}},
//		Bootstraps: map[string]string{"detect": bootstrap},
//	})
//	a.Put(event)      // at the event bus of its Region
//	a.Deliver()       // until nothing moves any more
//	a.Received("RouteSoc")
//
// Tables, queues, topics with their subscriptions and buckets are made in the
// parts that package localaws runs. Each function is its real bootstrap in the
// environment that its template gives it, with the files of its archive beside
// it. Rules match by their own patterns, and leave out calls that only read
// unless their state says otherwise; event source mappings batch, filter and
// deliver again as they say; what fails for good goes to the dead letters that
// are named for it.
//
// Nothing is permitted that the templates do not permit. A call of a function
// passes a gate, which holds it to the policies of the function's role and
// answers AccessDenied otherwise. Services are held to the policies of queues,
// topics, keys and functions, and the roles that rules and schedules give them.
// Each refusal fails the test, unless the test takes it with Refused.
//
// A type of resource, a property of one that moves events, or a function of
// CloudFormation that the package does not know is an error that names it. What
// it knows and leaves out is listed in ignored.
//
// What takes time in AWS takes none here: windows in which batches are gathered,
// pauses before something is tried again, schedules, and the expiry of items.
// Functions handle one event at a time. The receivers behind subscriptions,
// whatever their protocol, are queues.
package account
