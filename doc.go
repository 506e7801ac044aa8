// Package ssmbak holds the words of the domain: names and paths of AWS
// Systems Manager Parameter Store, values that redact themselves, points in
// time, and the state of a parameter at one of them. It imports only the
// standard library, talks to nobody, and every other package builds on it.
//
// The packages beside it follow the way of the data: [recorder] turns events
// into facts in the [archive], [timeline] turns the facts about one parameter
// into its states, [plan] decides what brings a state back, and [restore] does that in
// Parameter Store.
//
// [recorder]: https://pkg.go.dev/github.com/ssmbak/ssmbak/recorder
// [archive]: https://pkg.go.dev/github.com/ssmbak/ssmbak/archive
// [timeline]: https://pkg.go.dev/github.com/ssmbak/ssmbak/timeline
// [plan]: https://pkg.go.dev/github.com/ssmbak/ssmbak/plan
// [restore]: https://pkg.go.dev/github.com/ssmbak/ssmbak/restore
package ssmbak
