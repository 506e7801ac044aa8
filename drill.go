package ssmbak

import "strings"

// DrillPath is the path below which drills restore. Parameters below it are never recorded and
// never part of a target, see [Target.Below]: what is there is no state of an application, and
// ssmbak removes it again.
const DrillPath = "/newvoll/ssmbak/drill/"

// Drill reports whether the parameter is below [DrillPath].
func (n Name) Drill() bool { return strings.HasPrefix(string(n), DrillPath) }
