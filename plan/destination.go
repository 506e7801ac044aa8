package plan

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// DestinationError is the reason why parameters cannot be restored to the prefix
// [Options.To].
type DestinationError struct{ To, Reason string }

func (e *DestinationError) Error() string {
	return fmt.Sprintf("cannot restore to %s: %s", e.To, e.Reason)
}

// Destination maps the names of recorded parameters to those that they are restored to.
type Destination struct {
	from, to string // prefixes that end with a slash
}

// Destination returns the destination of the target, or a [*DestinationError] if
// [Options.To] is not a path or is where the target itself is. With one, the target is
// a single parameter.
func (o Options) Destination(target ssmbak.Target, one bool) (Destination, error) {
	if o.To == "" {
		return Destination{from: "/", to: "/"}, nil
	}
	to, err := ssmbak.ParseTarget(strings.TrimSuffix(o.To, "/")+"/", target.Recursive())
	if refused, ok := errors.AsType[*ssmbak.NameError](err); ok && strings.HasPrefix(o.To+"/", ssmbak.DrillPath) {
		return Destination{}, &DestinationError{o.To, refused.Reason}
	}
	if err != nil {
		return Destination{}, &DestinationError{o.To, "it is not a path"}
	}
	d := Destination{from: target.Prefix(), to: to.Prefix()}
	if one {
		name, _ := target.Name()
		if d.from = path.Dir(string(name)); d.from != "/" {
			d.from += "/"
		}
	}
	if d.to == d.from {
		return Destination{}, &DestinationError{o.To, "the source is the same; omit --to to restore in place"}
	}
	return d, nil
}

// Of returns the name that a recorded parameter is restored to, or a
// [*DestinationError] if that is not a valid name.
func (d Destination) Of(name ssmbak.Name) (ssmbak.Name, error) {
	if d.from == d.to {
		return name, nil
	}
	to, err := ssmbak.ParseName(d.to + strings.TrimPrefix(string(name), d.from))
	if err != nil {
		return "", &DestinationError{d.to, err.Error()}
	}
	return to, nil
}

// Origin returns the name of the recorded parameter that is restored to a live one.
func (d Destination) Origin(name ssmbak.Name) ssmbak.Name {
	return ssmbak.Name(d.from + strings.TrimPrefix(string(name), d.to))
}

// Contains reports whether a recorded parameter is below a destination that is itself
// below the source. Such parameters are not copied.
func (d Destination) Contains(name ssmbak.Name) bool {
	return d.from != d.to && strings.HasPrefix(d.to, d.from) && strings.HasPrefix(string(name), d.to)
}

// IsSource reports whether a live parameter below the destination is one of the copied
// parameters, as it can be if the destination is above the source. Such parameters are
// not changed.
func (d Destination) IsSource(name ssmbak.Name) bool {
	return strings.HasPrefix(d.from, d.to) && strings.HasPrefix(string(name), d.from)
}

// Target returns the target that covers the parameters that those of target are
// restored to.
func (d Destination) Target(target ssmbak.Target) (ssmbak.Target, error) {
	if d.from == d.to {
		return target, nil
	}
	return ssmbak.ParseTarget(d.to, target.Recursive())
}
