// Package version returns the version of the running program.
package version

import "runtime/debug"

// The linker sets these in builds of releases and of Lambda functions, see [Stamps].
var stamped, stampedRevision, stampedDate string

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

// Revision returns the commit that the program was built from, set by the linker or
// recorded by the go command, or "" if it is not known.
func Revision() string {
	if stampedRevision != "" {
		return stampedRevision
	}
	return setting("vcs.revision")
}

// Date returns the time of that commit in RFC 3339, or "".
func Date() string {
	if stampedDate != "" {
		return stampedDate
	}
	return setting("vcs.time")
}

// Stamps returns the flags for the linker that give another program the same revision and
// date, and the given version.
func Stamps(version string) string {
	const variable = " -X github.com/ssmbak/ssmbak/internal/version.stamped"
	flags := variable[1:] + "=" + version
	if revision := Revision(); revision != "" {
		flags += variable + "Revision=" + revision + variable + "Date=" + Date()
	}
	return flags
}

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
