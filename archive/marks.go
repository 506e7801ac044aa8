package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// MaxMarkMessage is the greatest length of a mark's message in bytes.
const MaxMarkMessage = 4096

// ErrNoMark means that there is no mark with a name.
var ErrNoMark = errors.New("no such mark")

// Mark is a name for a point in time. A mark is written once, moved only on request, and
// removed by one without a time, so that its writer needs no permission to delete.
type Mark struct {
	Format int    `json:"format"`
	Reader int    `json:"reader,omitempty"` // the least format that a program must support to read it
	Writer string `json:"writer"`
	Name   string `json:"name"`
	// At is the time that the mark names, zero if the mark was removed. Begin is the first
	// millisecond of the unit in which the time was given, as in [ssmbak.Point]; At if absent.
	At    ssmbak.Time `json:"at,omitempty"`
	Begin ssmbak.Time `json:"begin,omitempty"`
	// Made is when the mark was set, moved or removed, and By the ARN of the caller who did
	// that, from STS.
	Made    time.Time `json:"made"`
	By      string    `json:"by"`
	Message string    `json:"message,omitempty"` // at most [MaxMarkMessage] bytes
}

// MarkExistsError refuses to set a mark that exists.
type MarkExistsError struct{ Mark Mark }

func (e *MarkExistsError) Error() string {
	return fmt.Sprintf("mark %s exists, at %s, set by %s", e.Mark.Name, e.Mark.At, e.Mark.By)
}

// Point returns the point in time that the mark names.
func (m *Mark) Point() ssmbak.Point { return ssmbak.Point{At: m.At, Begin: m.Begin} }

func (m *Mark) latest() ssmbak.Time { return max(m.At, ssmbak.TimeOf(m.Made)) }

// same reports whether an earlier attempt of the same write wrote m.
func (m *Mark) same(other Mark) bool {
	return m.Writer == other.Writer && m.At == other.At && m.Made.Equal(other.Made)
}

var markName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// ValidMarkName reports whether text can be the name of a mark: 1 to 128 letters, digits,
// periods, underscores and hyphens, beginning with a letter or a digit.
func ValidMarkName(text string) bool { return len(text) <= 128 && markName.MatchString(text) }

func checkMark(key string, m *Mark) error {
	if m.Begin == 0 {
		m.Begin = m.At
	}
	switch {
	case key != marksPrefix+m.Name:
		return fmt.Errorf("it is the mark %q", m.Name)
	case len(m.Message) > MaxMarkMessage:
		return fmt.Errorf("its message has more than %d bytes", MaxMarkMessage)
	case m.At < 0 || m.Begin > m.At || m.At > 0 && m.Begin < m.At-999:
		// A time without milliseconds means the last one of its second.
		return fmt.Errorf("its time is %s, but begins at %s", m.At, m.Begin)
	}
	return nil
}

// SetMark writes a mark. The error is a [*MarkExistsError] if it exists, unless move is
// set. before is the mark that was moved, with a zero time if there was none or if it is
// damaged.
func (a *Archive) SetMark(ctx context.Context, m Mark, move bool) (before Mark, err error) {
	if m.At <= 0 {
		return Mark{}, fmt.Errorf("set mark %q: it has no time", m.Name)
	}
	// Without an earlier mark, this needs no permission to read.
	return a.swapMark(ctx, m, bucket.Document[Mark]{}, move, func(d bucket.Document[Mark]) error {
		if d.Value.At != 0 && !move {
			return &MarkExistsError{Mark: d.Value}
		}
		return nil
	})
}

// RemoveMark removes a mark, also a damaged one, and returns it. made and by are as in
// [Mark]. The error is [ErrNoMark] if there is none.
func (a *Archive) RemoveMark(ctx context.Context, name, by string, made time.Time) (before Mark, err error) {
	base, err := a.loadMark(ctx, name, true)
	if err != nil {
		return Mark{}, err
	}
	return a.swapMark(ctx, Mark{Name: name, By: by, Made: made}, base, true, func(d bucket.Document[Mark]) error {
		if d.Value.At == 0 && !d.Invalid {
			return fmt.Errorf("%w: %s", ErrNoMark, name)
		}
		return nil
	})
}

// swapMark replaces a mark, and returns the one that it replaced, unless refuse returns an
// error for it.
func (a *Archive) swapMark(
	ctx context.Context, m Mark, base bucket.Document[Mark], damaged bool, refuse func(bucket.Document[Mark]) error,
) (before Mark, err error) {
	m.Writer = a.writer
	if !ValidMarkName(m.Name) {
		return Mark{}, fmt.Errorf("%q is not the name of a mark", m.Name)
	}
	if err := checkMark(marksPrefix+m.Name, &m); err != nil {
		return Mark{}, fmt.Errorf("write mark %s: %w", m.Name, err)
	}
	change := func(d bucket.Document[Mark]) (Mark, bool, error) {
		if d.Exists && d.Value.same(m) {
			return m, false, nil
		}
		if err := refuse(d); err != nil {
			return Mark{}, false, err
		}
		before = d.Value
		return m, true, nil
	}
	_, err = markKind.Swap(ctx, a.bucket, marksPrefix+m.Name, base, change, func(ctx context.Context) (bucket.Document[Mark], error) {
		return a.loadMark(ctx, m.Name, damaged)
	})
	return before, err
}

// loadMark reads a mark. If damaged is set, damage is not an error.
func (a *Archive) loadMark(ctx context.Context, name string, damaged bool) (bucket.Document[Mark], error) {
	d, err := load(ctx, a, &markKind, marksPrefix+name)
	if damaged && d.Invalid {
		err = nil
	}
	return d, err
}

// Mark reads a mark. The error is [ErrNoMark] if there is none or if it was removed, and
// may be a [*FormatError] or a [*DamagedError].
func (a *Archive) Mark(ctx context.Context, name string) (Mark, error) {
	if !ValidMarkName(name) {
		return Mark{}, fmt.Errorf("%w: %q is not the name of one", ErrNoMark, name)
	}
	d, err := a.loadMark(ctx, name, false)
	if err == nil && d.Value.At == 0 {
		err = fmt.Errorf("%w: %s", ErrNoMark, name)
	}
	return d.Value, err
}

// MarkNames returns the names of all marks, including those that were removed, sorted.
func (a *Archive) MarkNames(ctx context.Context) (names []string, err error) {
	for o, err := range a.bucket.Objects(ctx, bucket.Listing{Prefix: marksPrefix}) {
		if err != nil {
			return nil, err
		}
		if name := strings.TrimPrefix(o.Key, marksPrefix); ValidMarkName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Marks reads all marks, those with the latest time first. unreadable has a
// [*DamagedError] or a [*FormatError] for each mark that cannot be read.
func (a *Archive) Marks(ctx context.Context) (all []Mark, unreadable []error, err error) {
	names, err := a.MarkNames(ctx)
	if err != nil {
		return nil, nil, err
	}
	return a.ReadMarks(ctx, names)
}

// ReadMarks is like [Archive.Marks], for marks with names from [Archive.MarkNames].
func (a *Archive) ReadMarks(ctx context.Context, names []string) (all []Mark, unreadable []error, err error) {
	marks, problems := make([]Mark, len(names)), make([]error, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.o.Parallel)
	for i, name := range names {
		g.Go(func() (err error) {
			marks[i], err = a.Mark(gctx, name)
			var damaged *DamagedError
			var format *FormatError
			switch {
			case errors.Is(err, ErrNoMark):
				return nil
			case errors.As(err, &damaged), errors.As(err, &format):
				problems[i] = err
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	marks = slices.DeleteFunc(marks, func(m Mark) bool { return m.At == 0 })
	slices.SortStableFunc(marks, func(x, y Mark) int { return cmp.Compare(y.At, x.At) })
	return marks, slices.DeleteFunc(problems, func(err error) bool { return err == nil }), nil
}

// verifyMarks returns a finding for each damaged mark. Marks of a newer program are not
// verified.
func (a *Archive) verifyMarks(ctx context.Context) (found []Finding, err error) {
	_, unreadable, err := a.Marks(ctx)
	for _, problem := range unreadable {
		if damaged, ok := errors.AsType[*DamagedError](problem); ok {
			found = append(found, Finding{Fault: FaultDamagedMark, Key: damaged.Key, Detail: damaged.Err.Error()})
		}
	}
	return found, err
}
