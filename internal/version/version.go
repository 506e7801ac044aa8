// Package version returns the version of the running program.
package version

import "runtime/debug"

// stamped is set by the linker in builds of releases and of Lambda functions:
// -X github.com/ssmbak/ssmbak/internal/version.stamped=v1.2.3
var stamped string

// Devel is the version of a program built from a working tree.
const Devel = "(devel)"

// String returns the version set by the linker, or else the module version recorded by
// the go command, or else [Devel].
func String() string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return Devel
}

// Revision returns the commit that the program was built from, or "" if the go command
// did not record it.
func Revision() string { return setting("vcs.revision") }

// Date returns the time of that commit in RFC 3339, or "".
func Date() string { return setting("vcs.time") }

func setting(key string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
	}
	return ""
}
