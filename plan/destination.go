package plan

import (
	"fmt"
	"path"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// DestinationError says why nothing can be restored to the prefix that was
// given by [Options.To].
type DestinationError struct{ To, Reason string }

func (e *DestinationError) Error() string {
	return fmt.Sprintf("nothing can be restored to %s: %s", e.To, e.Reason)
}

// Destination is where parameters are restored to.
type Destination struct {
	from string // what recorded names begin with, with a slash at its end
	to   string // what stands for it
}

// Destination returns where the target goes. one says that the target is one
// parameter.
func (o Options) Destination(target ssmbak.Target, one bool) (Destination, error) {
	if o.To == "" {
		return Destination{from: "/", to: "/"}, nil
	}
	to, err := ssmbak.ParseTarget(strings.TrimSuffix(o.To, "/")+"/", target.Recursive())
	if err != nil {
		return Destination{}, &DestinationError{o.To, "it is no path"}
	}
	d := Destination{from: target.Prefix(), to: to.Prefix()}
	if one {
		name, _ := target.Name()
		if d.from = path.Dir(string(name)); d.from != "/" {
			d.from += "/"
		}
	}
	if d.to == d.from {
		return Destination{}, &DestinationError{o.To, "that is where it is; leave --to out to restore it there"}
	}
	return d, nil
}

// Of returns the name to which a recorded one is restored.
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

// Origin returns the recorded name that would be restored to a live one.
func (d Destination) Origin(name ssmbak.Name) ssmbak.Name {
	return ssmbak.Name(d.from + strings.TrimPrefix(string(name), d.to))
}

// Itself reports whether a recorded name lies below the destination: a copy that
// lies in what is copied does not copy itself.
func (d Destination) Itself(name ssmbak.Name) bool {
	return d.from != d.to && strings.HasPrefix(d.to, d.from) && strings.HasPrefix(string(name), d.to)
}

// Copied reports whether a live name below the Destination is one of those that
// are copied: where that lies above them, they are no part of what is there.
func (d Destination) Copied(name ssmbak.Name) bool {
	return strings.HasPrefix(d.from, d.to) && strings.HasPrefix(string(name), d.from)
}

// Below returns the path of live parameters that stand for those below the
// target.
func (d Destination) Below(target ssmbak.Target) (ssmbak.Target, error) {
	if d.from == d.to {
		return target, nil
	}
	return ssmbak.ParseTarget(d.to, target.Recursive())
}
