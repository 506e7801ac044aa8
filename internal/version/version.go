// Package version knows which version of ssmbak a program is of.
package version

import "runtime/debug"

// stamped is set by the linker when a release, or a function for a stack, is
// built: -X github.com/ssmbak/ssmbak/internal/version.stamped=v1.2.3
var stamped string

// Devel is the version of a program that was built from a working copy.
const Devel = "(devel)"

// String returns the version: the stamped one, else that of the module as the
// Go command recorded it, else [Devel].
func String() string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return Devel
}

// Revision returns the commit that the program was built from, "" if that was
// not recorded.
func Revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}
