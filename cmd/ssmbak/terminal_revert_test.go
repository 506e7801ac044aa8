package main_test

// revertAsked checks that a revert shows its plan with the conflicts, asks, and exits with 3
// because of them.
func revertAsked(d *desk) {
	d.changed(2)
	d.later(10)
	d.put("/app/p01", "three")
	d.record()
	for _, test := range []struct {
		typed string
		code  int
		live  string
	}{{"n\n", 1, "two"}, {"y\n", 3, "one"}} {
		term := d.sit(nil, "revert", "/app/", d.at(30), d.at(65), "--no-color")
		term.await(`(?s)revert of /app/ from .*:\n~ /app/p00\n.*"two" -> "one"\n.*\? /app/p01 \(skipped: conflict: value\)\n` +
			`    conflict: value: it changed since \(arn:.* wrote version 3 at .*\)\nplan: 0 to create, 1 to update, 0 to delete, 0 unchanged, 1 skipped, 1 conflict\n.*Continue\? \[y/N\] $`)
		term.types(test.typed)
		term.ends(test.code)
		if got := d.live(); got["/app/p00"] != test.live || got["/app/p01"] != "three" {
			d.Errorf("%q left %q", test.typed, got)
		}
	}
}
