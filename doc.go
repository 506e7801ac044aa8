// Package ssmbak defines the types of the domain: names and paths of AWS Systems
// Manager Parameter Store, values that redact themselves, points in time, and the
// state of a parameter at a point in time. It imports only the standard library and
// does no I/O; every other package builds on it.
//
// The other packages follow the flow of the data: [recorder] turns events into facts
// in the [archive], [timeline] turns the facts about one parameter into its states,
// [plan] decides what restores a state, and [restore] applies the plan to Parameter
// Store.
//
// [recorder]: https://pkg.go.dev/github.com/ssmbak/ssmbak/recorder
// [archive]: https://pkg.go.dev/github.com/ssmbak/ssmbak/archive
// [timeline]: https://pkg.go.dev/github.com/ssmbak/ssmbak/timeline
// [plan]: https://pkg.go.dev/github.com/ssmbak/ssmbak/plan
// [restore]: https://pkg.go.dev/github.com/ssmbak/ssmbak/restore
package ssmbak
